import { finding, type Finding, type Result } from './finding.js';
import { MAX_JSON_VALUES, MAX_STATEMENT_BYTES } from './limits.js';
import { parseJson } from './strict-json.js';

/** Header, signature and what is not known before signing. */
const FRAME_BYTES = 2500;

/** How long a compact JWT of so many bytes of claims is at most: base64url, three bytes are four characters. */
export const compactBytes = (bytes: number): number => Math.ceil((bytes * 4) / 3) + FRAME_BYTES;

/** Claims as whoever reads the statement would see them: what `parseJws` refuses is not signed. */
export const readable = (text: string): Result<unknown> => parseJson(text, 'statement', { maxValues: MAX_JSON_VALUES });

/** Why a statement with these claims would be read by nobody, told before it is signed; undefined: it would be. */
export function unreadable(claims: object): Finding | undefined {
  const text = JSON.stringify(claims);
  const bytes = compactBytes(new TextEncoder().encode(text).length);
  if (bytes > MAX_STATEMENT_BYTES) return finding('too_large', 'statement', `the statement would have ${bytes} bytes, more than ${MAX_STATEMENT_BYTES}`);
  const read = readable(text);
  return read.ok ? undefined : read.findings[0];
}
