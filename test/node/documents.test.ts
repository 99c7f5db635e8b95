import { readFileSync } from 'node:fs';
import { getTableName } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { TABLES } from '../../src/store/cells.js';
import { blocksOf } from '../support/node/doc-blocks.js';
import { walk } from '../support/node/walk.js';

it('the README is run as it is written: from the first start to the first member, the first answer and the first cut', async () => {
  const { commands, stumbles } = await walk('README.md', { ports: [8080, 7001], folders: [], env: { HOLDFAST_PORT: '8080' } });
  expect(stumbles).toEqual([]);
  expect(commands, 'it is looked at').toBeGreaterThan(15);
});

it('the page for operators too: lost and leaked tokens, keys, revocations, another folder, another URL, restores', async () => {
  const { commands, stumbles } = await walk('docs/operate.md', { ports: [8080], folders: ['/etc/holdfast', '/var/lib/holdfast', '/srv/holdfast', '/backup'] });
  expect(stumbles).toEqual([]);
  expect(commands, 'it is looked at').toBeGreaterThan(30);
});

/** oidc-provider asks for Node 22 and runs on 20 but for this. */
const ON_NODE_20 = '--import=data:text/javascript,URL.parse??=(text,base)=>{try{return%20new%20URL(text,base)}catch{return%20null}}';
const FOR_RELYING_PARTIES = 'docs/relying-party.md';

it('the page for relying parties: a new project, a federation, a client that logs somebody in, a token, a halt, a resource', async () => {
  const env = { HOLDFAST_PORT: '8080', NODE_OPTIONS: ON_NODE_20 };
  const { commands, stumbles } = await walk(FOR_RELYING_PARTIES, { ports: [8080, 7001, 3000, 4000], folders: [], env, installed: true });
  expect(stumbles).toEqual([]);
  expect(commands, 'it is looked at').toBeGreaterThan(20);
});

/** What is no whole file is run where there is what it takes for granted, by the words that it has. */
const FRAGMENTS = [
  ['clientIdMetadataDocument: {', 'test/node/stock-server.test.ts'],
  ['door.attach(provider)', 'test/node/registered-client.test.ts'],
  ['registryAt({', 'test/node/registered-client.test.ts'],
  ['federation.verifyResource(', 'test/node/federated-server.test.ts'],
] as const;

it('every block of JavaScript on the page for relying parties is run: by its shell blocks, or as a fragment by another test', () => {
  const blocks = blocksOf(FOR_RELYING_PARTIES);
  const shell = blocks.filter(({ language }) => language === 'console').map(({ text }) => text);
  const imports = blocks.map(({ text }) => text);
  const isRun = (file: string) => [...shell, ...imports].some((text) => text.includes(`node ${file}`) || text.includes(`from './${file}'`));
  const js = blocks.filter(({ language }) => language === 'js');
  expect(js.length).toBeGreaterThan(5);
  for (const { file, text, line } of js) {
    const [words, test] = FRAGMENTS.find(([one]) => text.includes(one)) ?? [];
    const where = `${FOR_RELYING_PARTIES}:${line}`;
    if (file !== undefined) expect(isRun(file), `${where} ${file}`).toBe(true);
    else expect(test && readFileSync(test, 'utf8').includes(`docBlock('${FOR_RELYING_PARTIES}', '${words}')`), where).toBe(true);
  }
});

it('every test that docs/proofs.md names exists, and each of its promises has one', () => {
  const sections = readFileSync('docs/proofs.md', 'utf8').split(/^## /m).slice(1);
  expect(sections.length).toBeGreaterThan(12);
  const missing: string[] = [];
  for (const section of sections) {
    const [title = '', ...lines] = section.split('\n');
    const named = lines.flatMap((line) => [...line.matchAll(/^- `(test\/[\w/.-]+)`: (.+)$/g)]);
    if (named.length === 0) missing.push(title);
    for (const [, file = '', name = ''] of named) if (!readFileSync(file, 'utf8').includes(`it('${name}'`)) missing.push(`${file}: ${name}`);
  }
  expect(missing).toEqual([]);
});

it('of every table it is said what ends it', () => {
  const said = readFileSync('docs/growth.md', 'utf8');
  expect(TABLES.map(getTableName).filter((name) => !said.includes(`\`${name}\``))).toEqual([]);
});
