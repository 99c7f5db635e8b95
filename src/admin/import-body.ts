import { likelyEncoding } from '../edge/encoding.js';
import { MAX_ROW_BYTES } from '../edge/csv.js';
import type { ImportLine } from '../operations/members/import-members.js';
import { Refusal } from '../operations/refusal.js';
import { jsonLine } from './import-line.js';

const MAX_CSV_BYTES = 8 * 1024 * 1024;
type Body = AsyncIterable<Uint8Array>;

/** The text of bytes, or undefined when they are not UTF-8. */
function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return undefined;
  }
}

const notUtf8 = (bytes: Uint8Array): string => {
  const { name, fix } = likelyEncoding(bytes);
  return `it is not UTF-8 text, but likely ${name}: ${fix}`;
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A body of CSV, whole: a cell may have line breaks in it, so it is read as one text. @throws Refusal invalid_request */
export async function csvText(body: Body): Promise<string> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (total > MAX_CSV_BYTES)
      throw new Refusal(
        'invalid_request',
        `a CSV body has at most ${MAX_CSV_BYTES} bytes; send the rows in several requests, each with the header and ?first_line=N`,
      );
    parts.push(chunk);
  }
  const bytes = joined(parts);
  const text = utf8(bytes);
  if (text === undefined) throw new Refusal('invalid_request', `the CSV cannot be read: ${notUtf8(bytes)}`);
  return text;
}

/** Lines of NDJSON as they arrive; of one that never ends no more is kept than the cap. */
export async function* jsonLines(body: Body, first: number): AsyncGenerator<ImportLine> {
  let line = first;
  let [kept, size]: [Uint8Array[], number] = [[], 0];
  const keep = (part: Uint8Array) => {
    if (size <= MAX_ROW_BYTES) kept.push(part.slice());
    size += part.length;
  };
  const end = (): ImportLine => {
    const [bytes, length] = [joined(kept), size];
    [kept, size] = [[], 0];
    if (length > MAX_ROW_BYTES) return { line: line++, fault: `the line has more than ${MAX_ROW_BYTES} bytes` };
    const text = utf8(bytes);
    return text === undefined ? { line: line++, fault: notUtf8(bytes) } : jsonLine(text, line++);
  };
  for await (const chunk of body) {
    let from = 0;
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, to));
      from = to + 1;
      yield end();
    }
    keep(chunk.subarray(from));
  }
  if (size > 0) yield end();
}
