import { existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLATFORMS = fileURLToPath(new URL('../../node_modules/@oven', import.meta.url));
/** Where its install script puts it, on every system by this name; before that something small lies there, which only says so. */
const INSTALLED = fileURLToPath(new URL('../../node_modules/bun/bin/bun.exe', import.meta.url));
const LEAST_BYTES = 1_000_000;
const NAME = process.platform === 'win32' ? 'bun.exe' : 'bun';

/**
 * The Bun that tests and benches run: the one that HOLDFAST_BUN names, the one that npm has put here for this machine, or the one
 * on the path. What npm has put here needs no install script; one that runs takes it to another place.
 */
export function findBun() {
  const named = process.env.HOLDFAST_BUN;
  if (named) return named;
  const here = existsSync(PLATFORMS) ? readdirSync(PLATFORMS).map((one) => join(PLATFORMS, one, 'bin', NAME)) : [];
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
    .map((folder) => join(folder, NAME));
  return [...here, INSTALLED, ...onPath].find((file) => existsSync(file) && statSync(file).size > LEAST_BYTES);
}
