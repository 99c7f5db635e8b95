import { closeSync, openSync, readSync } from 'node:fs';
import { parseJson } from '../federation/strict-json.js';
import { CliError } from './client.js';

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

/** JSON, PEM and JWTs are small; what is larger is another file. */
const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** The bytes of a file or of standard input, never more than the cap. */
function readBytes(name: string, most: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  const from = name === '-' ? 0 : openSync(name, 'r');
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024);
      const n = readSync(from, chunk);
      if (n === 0) return Buffer.concat(chunks);
      total += n;
      if (total > most) throw new CliError(2, `${name} has more than ${most / (1024 * 1024)} MiB`);
      chunks.push(chunk.subarray(0, n));
    }
  } finally {
    if (from !== 0) closeSync(from);
  }
}

/** Text of bytes: UTF-8, or UTF-16 when a byte order mark says so, as some shells write; the mark itself is no text. */
function decodeText(name: string, bytes: Buffer): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(2, `${name} is not ${encoding.toUpperCase()} text`);
  }
}

/** Read a file of text, or standard input for `-`. Every file that a command is given is read here. @throws CliError */
export function readInput(name: string, most = MAX_INPUT_BYTES): string {
  try {
    return decodeText(name, readBytes(name, most));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(2, `cannot read ${name}: ${WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message}`);
  }
}

/** The bytes of a file, or of standard input for `-`, as they are. @throws CliError */
export function readBinary(name: string, most: number): Uint8Array {
  try {
    return readBytes(name, most);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(2, `cannot read ${name}: ${WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message}`);
  }
}

/** @throws CliError when the text is not JSON, or says something twice */
export function parseText(text: string, name: string): unknown {
  const json = parseJson(text, name);
  if (!json.ok) throw new CliError(2, `${name} is not accepted as JSON: ${json.findings[0]?.detail ?? ''}`, [], json.findings[0]?.code);
  return json.value;
}

export const readJson = (name: string): unknown => parseText(readInput(name), name);
