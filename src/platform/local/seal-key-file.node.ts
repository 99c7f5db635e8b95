import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { newSealKey } from '../../keys/random.js';

/** Make a file of one line that is on disk before anything is sealed with it. */
export function makeKeyFile(file: string): void {
  const made = openSync(file, 'wx', 0o600);
  writeSync(made, `${newSealKey()}\n`);
  fsyncSync(made);
  closeSync(made);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
