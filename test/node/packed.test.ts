import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { calledAs } from '../../src/platform/called-as.node.js';
import { shared, tempFolder } from '../support/process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const { later, end } = shared();
afterAll(end);
let app: string;
beforeAll(() => {
  app = installed();
});

/** The package as it is published, installed in a folder that has nothing else. @param keeps which dependencies are there; all when left out */
function installed(keeps?: (dependency: { readonly name: string }) => boolean): string {
  const folder = tempFolder(later);
  execFileSync('npm', ['pack', '--ignore-scripts', '--offline', '--silent', '--pack-destination', folder], { cwd: ROOT });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  execFileSync('tar', ['-xzf', `holdfast-${version}.tgz`], { cwd: folder });
  const app = join(folder, 'app');
  mkdirSync(join(app, 'node_modules', '.bin'), { recursive: true });
  renameSync(join(folder, 'package'), join(app, 'node_modules', 'holdfast'));
  const dependencies = join(app, 'node_modules', 'holdfast', 'node_modules');
  if (keeps) {
    mkdirSync(dependencies);
    for (const one of readdirSync(join(ROOT, 'node_modules'), { withFileTypes: true }))
      if (keeps(one)) symlinkSync(join(ROOT, 'node_modules', one.name), join(dependencies, one.name));
  } else symlinkSync(join(ROOT, 'node_modules'), dependencies);
  symlinkSync('../holdfast/dist/platform/main.node.js', join(app, 'node_modules', '.bin', 'holdfast'));
  return app;
}

it('the packed package alone says what the whole story needs, runs the short one in a terminal, and says what the README prints', () => {
  const bare = installed(({ name }) => name !== 'oidc-provider' && name !== 'openid-client' && name !== '@modelcontextprotocol');
  const { status, stdout } = spawnSync('script', ['-qec', 'node_modules/.bin/holdfast demo', '/dev/null'], {
    cwd: bare,
    env: { PATH: process.env['PATH'] ?? '', HOME: bare, TERM: 'xterm-256color' },
    encoding: 'utf8',
    timeout: 120_000,
  });
  const said = stdout.replaceAll('\r\n', '\n');
  expect(status, said).toBe(0);
  expect(said).toContain(
    'Missing here: oidc-provider, @modelcontextprotocol/server, @modelcontextprotocol/client, openid-client; install them beside this package: npm install',
  );
  expect(said, 'nothing is broken on its way to the terminal').not.toMatch(/\uFFFD/);
  expect(said, 'nothing that differs from run to run').not.toMatch(/\d{4}-\d\d-\d\dT|(?<![\w-])[\w-]{43}(?![\w-])/);
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const printed = /\n```\n(3\. A script[\s\S]*?)\n```\n/.exec(readme)?.[1]?.split('\n').filter(Boolean) ?? [];
  expect(printed.length).toBeGreaterThan(8);
  // The ports are others where another program has one of them.
  const masked = (text: string) => text.replaceAll(/:\d{4,5}|%3A\d{4,5}/g, ':<port>');
  for (const line of printed) expect(masked(said)).toContain(masked(line));
});

it('what relying parties import is in the packed package, on Node and for workerd; oidc-provider is brought by whoever uses it', () => {
  const script = `
    import { createRelyingParty, cached, strict, resolveEntity } from 'holdfast/rp';
    import { federated } from 'holdfast/rp/oidc-provider';
    import { createResourceServer, expressGuard, honoGuard } from 'holdfast/rp/resource-server';
    const key = ${JSON.stringify({ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' })};
    const federation = createRelyingParty({ anchors: { 'https://ta.example.org': { keys: [key] } }, mode: cached(15) });
    const { features, discovery } = federated({}, { Provider: {}, federation });
    const server = createResourceServer({ federation, resource: 'https://a.example/mcp', authorizationServers: [], introspect: async () => ({}) });
    console.log(JSON.stringify([features.requestObjects.enabled, discovery, server.metadataUrl, strict.seconds, typeof resolveEntity, typeof honoGuard(server), typeof expressGuard(server)]));
    await federation.close?.();`;
  const run = (code: string, ...flags: readonly string[]) =>
    spawnSync(process.execPath, [...flags, '--input-type=module', '-e', code], { cwd: app, encoding: 'utf8', timeout: 60_000 });
  const ours = run(script);
  expect(ours.stderr).toBe('');
  expect(JSON.parse(ours.stdout)).toEqual([
    true,
    { client_registration_types_supported: ['automatic'] },
    'https://a.example/.well-known/oauth-protected-resource/mcp',
    0,
    'function',
    'function',
    'function',
  ]);
  const workers = run(script.replace(', resolveEntity }', ' }').replace('typeof resolveEntity', '"function"'), '--conditions=workerd');
  expect([workers.stderr, workers.stdout]).toEqual(['', ours.stdout]);
});

it('commands are named as they can be called where somebody stands, and none has npm fetch a package', () => {
  const folder = tempFolder();
  const script = join(folder, 'lib', 'main.node.js');
  const bin = join(folder, 'bin', 'holdfast');
  for (const one of ['lib', 'bin', 'elsewhere', 'clone/deep', 'clone/node_modules/.bin']) mkdirSync(join(folder, one), { recursive: true });
  writeFileSync(script, '');
  symlinkSync('../lib/main.node.js', bin);
  symlinkSync(script, join(folder, 'clone', 'node_modules', '.bin', 'holdfast'));
  const path = ['/nowhere', join(folder, 'bin')].join(delimiter);
  expect(calledAs(script, join(folder, 'clone'), ''), 'in the clone').toBe('npx holdfast');
  expect(calledAs(script, join(folder, 'clone', 'deep'), ''), 'and below it').toBe('npx holdfast');
  expect(calledAs(bin, join(folder, 'elsewhere'), path), 'installed for all').toBe('holdfast');
  expect(calledAs(script, join(folder, 'elsewhere'), ''), 'started by its file').toBe(`node ${script}`);
  expect(calledAs(script, folder, ''), 'from beside it').toBe('node lib/main.node.js');
  writeFileSync(join(folder, 'elsewhere', 'holdfast'), '');
  expect(calledAs(script, join(folder, 'bin'), join(folder, 'elsewhere')), 'another program of that name').toBe(`node ${script}`);
});
