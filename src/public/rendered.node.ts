import { validateHeaderValue } from 'node:http';
import { type KeptAnswer, LARGE_BYTES } from './kept-answer.js';

/** What a kept answer is made of on the connection. */
export interface Rendered {
  /** Names and values in turn. */
  readonly whole: string[];
  readonly bodiless: string[];
  readonly unchanged: string[];
  /** A short text is written together with the head; a long one need not be copied for that. */
  readonly body: string | Uint8Array;
  readonly encoding: 'latin1' | 'utf8';
}

function canBeSent(name: string, value: string): boolean {
  try {
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/**
 * As the app behind it has them: in the order of their names, and the length as Node writes it. Undefined where one cannot be sent, of a
 * row that was damaged: here nobody would catch it, and all other requests would end with it.
 */
export function rendered(kept: KeptAnswer): Rendered | undefined {
  if (kept.rendered !== undefined) return (kept.rendered as Rendered | null) ?? undefined;
  const names = Object.keys(kept.headers).sort();
  if (!names.every((name) => canBeSent(name, kept.headers[name] as string))) {
    kept.rendered = null;
    return undefined;
  }
  const pairs = (left: readonly string[]) => left.flatMap((name) => [name, kept.headers[name] as string]);
  const { body } = kept;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  const made: Rendered = {
    whole: [...pairs(names), 'Content-Length', String(bytes)],
    bodiless: pairs(names),
    unchanged: pairs(names.filter((name) => name !== 'content-type')),
    body: typeof body === 'string' && body.length > LARGE_BYTES ? Buffer.from(body) : body,
    encoding: bytes === body.length ? 'latin1' : 'utf8',
  };
  kept.rendered = made;
  return made;
}
