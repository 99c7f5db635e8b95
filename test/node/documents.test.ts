import { readFileSync } from 'node:fs';
import { getTableName } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { TABLES } from '../../src/store/cells.js';
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

it('of every table it is said what ends it', () => {
  const said = readFileSync('docs/growth.md', 'utf8');
  expect(TABLES.map(getTableName).filter((name) => !said.includes(`\`${name}\``))).toEqual([]);
});
