// Before the tests, after an install, and for the first `npx holdfast` in a clone, for which npm runs `prepare` too: dist, from
// which a server may be running, is made anew only when something it is made of has changed.
import { execSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';

const at = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((one) => one.isFile())
  .map((one) => `${one.parentPath ?? one.path}/${one.name}`);
const newest = Math.max(...[...sources, 'package-lock.json', 'tsconfig.base.json', 'tsconfig.build.json'].map(at));
if (at('dist/platform/main.node.js') < newest) execSync('npm run build', { stdio: 'inherit' });
