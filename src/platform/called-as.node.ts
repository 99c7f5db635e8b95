import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';

/**
 * How a person calls this program from where he stands, for the commands that texts name. `npx holdfast` only where npx finds it
 * on this machine: elsewhere it would fetch a package of that name from the registry, whoever has published it.
 * @param script what was started
 */
export function calledAs(script: string, cwd: string, path: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', '.bin', 'holdfast'))) return 'npx holdfast';
    if (folder === dirname(folder)) break;
  }
  const real = (file: string) => (existsSync(file) ? realpathSync(file) : file);
  const onPath = path
    .split(delimiter)
    .map((folder) => join(folder, 'holdfast'))
    .find((file) => existsSync(file));
  if (onPath !== undefined && real(onPath) === real(script)) return 'holdfast';
  const near = relative(cwd, real(script));
  return `node ${near.startsWith('..') ? real(script) : near}`;
}
