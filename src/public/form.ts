import type { Context } from 'hono';
import { parametersOf } from './parameters.js';

export const MAX_FORM_BYTES = 64 * 1024;

/** What is wrong with a body, and the status when it is not 400. */
export interface FormFault {
  readonly description: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const TOO_LARGE: FormFault = { description: `the body has more than ${MAX_FORM_BYTES} bytes` };
const BROKEN_OFF: FormFault = { description: 'the body broke off' };

/** Read a form, of so many bytes and parameters at most, however it is sent. Nothing is decompressed. */
export async function readForm(c: Context): Promise<URLSearchParams | FormFault> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return { description: 'the body is not application/x-www-form-urlencoded' };
  const codings = (c.req.header('content-encoding') ?? '').split(',').map((one) => one.trim().toLowerCase());
  if (codings.some((one) => one !== '' && one !== 'identity'))
    return { description: 'the body is compressed; send it as it is', status: 415, headers: { 'accept-encoding': 'identity' } };
  if (Number(c.req.header('content-length') ?? 0) > MAX_FORM_BYTES) return TOO_LARGE;
  let text = '';
  let bytes = 0;
  const decoder = new TextDecoder();
  try {
    for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_FORM_BYTES) return TOO_LARGE;
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    // Whoever asked has gone: nothing of ours failed, and nobody reads the answer.
    return BROKEN_OFF;
  }
  const form = parametersOf(text + decoder.decode());
  return typeof form === 'string' ? { description: form } : form;
}
