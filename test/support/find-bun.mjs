import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLATFORMS = fileURLToPath(new URL('../../node_modules/@oven', import.meta.url));
const NAME = process.platform === 'win32' ? 'bun.exe' : 'bun';

/**
 * The Bun that tests and benches run: the one that HOLDFAST_BUN names, the one that npm has put here for this machine, or the one
 * on the path. What npm has put here needs no install script: node_modules/.bin/bun is only a link to it that such a script makes.
 */
export function findBun() {
  const named = process.env.HOLDFAST_BUN;
  if (named) return named;
  const here = existsSync(PLATFORMS) ? readdirSync(PLATFORMS).map((one) => join(PLATFORMS, one, 'bin', NAME)) : [];
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
    .map((folder) => join(folder, NAME));
  return [...here, ...onPath].find((file) => existsSync(file));
}
