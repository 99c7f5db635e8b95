import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const EXAMPLES = new URL('../../examples/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, EXAMPLES), 'utf8');
const root = JSON.parse(read('../package.json')) as Record<string, Record<string, string>>;
const versions: Readonly<Record<string, string | undefined>> = { ...root['devDependencies'], ...root['dependencies'], holdfast: String(root['version']) };
const folders = readdirSync(EXAMPLES, { withFileTypes: true }).flatMap((one) =>
  one.isDirectory() && existsSync(new URL(`${one.name}/package.json`, EXAMPLES)) ? [one.name] : [],
);
const filesOf = (folder: string): readonly string[] => readdirSync(new URL(folder, EXAMPLES)).filter((one) => one.endsWith('.mjs'));
const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^(?:import|export)\b[^'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'/gms)].map(([, a, b]) => String(a ?? b));
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

describe('each folder of examples/ is whole when it is copied', () => {
  it('there are six of them at least', () => {
    for (const one of ['stock-server', 'federation-server', 'mcp-server', 'agent', 'chatbot', 'consortium']) expect(folders).toContain(one);
  });
  it.each(folders)('%s: its package.json names exactly what it imports, in the versions that are tested here; nothing leads out of it', (folder) => {
    const { private: isPrivate, type, dependencies, scripts } = JSON.parse(read(`${folder}/package.json`));
    expect([isPrivate, type]).toEqual([true, 'module']);
    const imports = filesOf(folder).flatMap((file) => importsOf(read(`${folder}/${file}`)));
    expect(imports.length).toBeGreaterThan(0);
    for (const local of imports.filter((one) => one.startsWith('.'))) {
      expect(local).toMatch(/^\.\/[a-z-]+\.mjs$/);
      expect(filesOf(folder)).toContain(local.slice(2));
    }
    const foreign = imports.filter((one) => !one.startsWith('.') && !one.startsWith('node:'));
    for (const one of foreign) expect(builtinModules, 'node: in front').not.toContain(one);
    const named = [...new Set(foreign.map(packageOf))].sort();
    expect(dependencies).toEqual(Object.fromEntries(named.map((name) => [name, versions[name]])));
    expect(filesOf(folder)).toContain(String(scripts.start).split(' ').at(-1));
  });
  it.each(folders)('%s: says in forty lines at most what it is, how it is run, and every setting that it reads', (folder) => {
    const readme = read(`${folder}/README.md`);
    expect(readme.split('\n').length).toBeLessThanOrEqual(41);
    const text = filesOf(folder)
      .filter((file) => file !== 'entity.mjs')
      .map((file) => read(`${folder}/${file}`))
      .join('\n');
    const settings = [...text.matchAll(/const \{([^}]*)\} = process\.env/g)].flatMap(([, names]) =>
      [...String(names).matchAll(/\b([A-Z][A-Z_]+)\b(?=\s*(?:[,=]|$))/g)].map(([, name]) => name),
    );
    // A default may be another setting.
    for (const name of new Set(settings)) expect(readme, name).toContain(`\`${name}\``);
  });
  it('files that several folders have are the same in each', () => {
    for (const file of ['entity.mjs', 'listening.mjs']) {
      const texts = folders.filter((one) => filesOf(one).includes(file)).map((one) => read(`${one}/${file}`));
      expect(new Set(texts).size, file).toBe(1);
    }
  });
  it('the table of examples/README.md has them all', () => {
    for (const folder of folders) expect(read('README.md'), fileURLToPath(new URL(folder, EXAMPLES))).toContain(`(${folder})`);
  });
});
