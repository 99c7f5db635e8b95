import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { CliError } from './client.js';

/** No line of an export is longer: an event that were would not have been written. */
const MAX_LINE = 16 * 1024 * 1024;

/** Lines of a stream of bytes, one at a time. @throws CliError for a line that never ends */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of bytes) {
    const parts = (rest + decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE) throw new CliError(2, 'this is no audit export: it has a line of more than 16 MiB');
    yield* parts;
  }
  rest += decoder.end();
  if (rest) yield rest;
}

/** SHA-256 by Node, several times faster than in plain JavaScript. */
export function nodeDigest() {
  const hash = createHash('sha256');
  return { update: (text: string) => hash.update(text), hex: () => hash.digest('hex') };
}

/** A file, or standard input, as it is read. @throws CliError when it cannot be */
export async function* bytesOf(name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* (name === '-' ? process.stdin : createReadStream(name)) as AsyncIterable<Uint8Array>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new CliError(2, `${name} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`);
  }
}
