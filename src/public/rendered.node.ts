import { validateHeaderValue } from 'node:http';
import { type CommonHead, type KeptAnswer, LARGE_BYTES } from './kept-answer.js';

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
 * Its fields as the app behind it has them, in the order of their names. Undefined where one cannot be sent, of a row that was damaged:
 * here nobody would catch it, and all other requests would end with it.
 */
function fieldsOf(headers: KeptAnswer['headers']): readonly (readonly [name: string, value: string])[] | undefined {
  const fields = Object.entries(headers).sort(([one], [other]) => (one < other ? -1 : 1));
  return fields.every(([name, value]) => canBeSent(name, value)) ? fields : undefined;
}

const lengthOf = ({ body }: KeptAnswer): number => (typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength);
const bodyOf = ({ body }: KeptAnswer, together: number): string | Uint8Array => (typeof body === 'string' && body.length > together ? Buffer.from(body) : body);
/** A 304 says nothing about a body (RFC 9110 §15.4.5). */
const isOfBody = (name: string): boolean => name === 'content-type';

/** For a server of Node: the length as Node writes it. Undefined where it cannot be sent. */
export function rendered(kept: KeptAnswer): Rendered | undefined {
  if (kept.rendered !== undefined) return (kept.rendered as Rendered | null) ?? undefined;
  const fields = fieldsOf(kept.headers);
  const bytes = lengthOf(kept);
  const made: Rendered | undefined = fields && {
    whole: [...fields.flat(), 'Content-Length', String(bytes)],
    bodiless: fields.flat(),
    unchanged: fields.filter(([name]) => !isOfBody(name)).flat(),
    body: bodyOf(kept, LARGE_BYTES),
    encoding: bytes === kept.body.length ? 'latin1' : 'utf8',
  };
  kept.rendered = made ?? null;
  return made;
}

/** Up to here it costs less to copy a body once more, behind its head, than to give both to the system (bytes). */
const TOGETHER = 32 * 1024;

/** What is written to a bare connection, but for what a connection adds to a head: date, and how long it stays open. */
export interface Written {
  /** Status line and fields, each with its line break; one character a byte. */
  readonly head: string;
  readonly body: string | Uint8Array;
  readonly encoding: 'latin1' | 'utf8';
  /** Of the body. */
  readonly bytes: number;
  /** All of it with what the connection added last, when it was written with that before; it stays the same for a second. */
  last?: { readonly added: string; whole?: Uint8Array };
}

interface BothWritten {
  readonly whole: Written;
  /** Made when it is first asked for. */
  unchanged?: Written;
}

interface Lines {
  readonly whole: string;
  /** A 304 says nothing about a body. */
  readonly unchanged: string;
}

const linesOf = (fields: readonly (readonly [string, string])[]): string => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

/** Of all of a head but the tag; undefined where it cannot be sent. */
function commonLines(common: CommonHead): Lines | undefined {
  if (common.lines === undefined) {
    const fields = fieldsOf(common.headers);
    common.lines = fields ? { whole: linesOf(fields), unchanged: linesOf(fields.filter(([name]) => !isOfBody(name))) } : null;
  }
  return (common.lines as Lines | null) ?? undefined;
}

/** Of what a tag may be (RFC 9110 §8.8.3) all that ours are made of. */
const PLAIN_TAG = /^"[\x21\x23-\x7e]*"$/;

/** By its name the last of the fields. Undefined where it cannot be sent. */
function tagLine(etag: string | undefined): string | undefined {
  if (etag === undefined) return '';
  return PLAIN_TAG.test(etag) || canBeSent('etag', etag) ? `etag: ${etag}\r\n` : undefined;
}

/** Undefined where it cannot be sent. */
function wholeOf(kept: KeptAnswer): Written | undefined {
  const lines = commonLines(kept.common);
  const tag = tagLine(kept.etag);
  if (lines === undefined || tag === undefined) return undefined;
  const bytes = lengthOf(kept);
  const head = `HTTP/1.1 200 OK\r\n${lines.whole}${tag}Content-Length: ${bytes}\r\n`;
  return { head, body: bodyOf(kept, TOGETHER), encoding: bytes === kept.body.length ? 'latin1' : 'utf8', bytes };
}

function unchangedOf({ common, etag }: KeptAnswer): Written {
  return { head: `HTTP/1.1 304 Not Modified\r\n${commonLines(common)?.unchanged}${tagLine(etag)}`, body: '', encoding: 'latin1', bytes: 0 };
}

/** For a bare connection, byte for byte what a server of Node writes. @param as `304`: whoever asks has it already */
export function written(kept: KeptAnswer, as: 200 | 304): Written | undefined {
  if (kept.written === undefined) {
    const whole = wholeOf(kept);
    kept.written = whole === undefined ? null : { whole };
  }
  const both = kept.written as BothWritten | null;
  if (both === null || as === 200) return both?.whole;
  both.unchanged ??= unchangedOf(kept);
  return both.unchanged;
}
