import { join } from 'node:path';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { readConfig } from '../../src/platform/config.js';
import { databaseFile, groundOf, inboxFile, openExploring } from '../../src/platform/deployment.node.js';
import { openFirst } from '../../src/platform/open-first.node.js';
import { createPublicApp } from '../../src/public/app.js';
import { openInbox } from '../../src/store/inbox.node.js';
import type { Published } from '../../src/store/published.js';
import { askAdmin } from './admin-app.js';
import { testMember } from './deployment.js';
import { GUARDS, unguarded } from './guards.js';
import { tempFolder } from './process.js';

export const ISSUER = 'http://localhost:8080';
const TYPE = `${ISSUER}/marks/certified`;
const A = '/authorities/main';
const RPS = [1, 2, 3].map((n) => `https://rp${n}.example.com`);

/** A store on a real file, as a deployment leaves it: members in several states, marks, keys, jobs, spent assertions. */
export async function wholeStore(folder = tempFolder()) {
  const config = readConfig({ HOLDFAST_URL: ISSUER, HOLDFAST_DATA: folder, HOLDFAST_DISCOVERY: 'off' });
  const ground = await groundOf(config);
  const { deployment, token } = await openFirst(config, () => openExploring(ground));
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await askAdmin(deployment, `http://admin.test/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json() as Promise<Record<string, unknown>>;
  };
  for (const id of RPS) {
    const { jwks } = await testMember(id);
    // Escaped, as JSON has it: a text that PostgreSQL holds.
    const metadata = { openid_relying_party: { client_name: 'Ünïcode 💥 "quoted" \\ \n' } };
    await ask('POST', `${A}/members`, { entity_id: id, jwks, entity_types: ['openid_relying_party'], metadata, organization: `Org of ${id}`, activate: true });
  }
  await ask('POST', `${A}/mark-types`, { trust_mark_type: TYPE, logo_uri: `${ISSUER}/l.svg`, ref: `${ISSUER}/r` });
  for (const member of RPS) await ask('POST', `${A}/marks`, { trust_mark_type: TYPE, member });
  await ask('POST', `${A}/members/${encodeURIComponent(RPS[1] ?? '')}/suspend`, { reason: 'audit' });
  await ask('POST', `${A}/members/${encodeURIComponent(RPS[2] ?? '')}/revoke`, { reason: 'left' });
  await ask('POST', `${A}/keys`, {});
  await ask('POST', `${A}/imports`, { dry_run: true });
  await deployment.close();
  const inbox = openInbox(inboxFile(folder));
  await inbox.spend('https://client.example', 'spent before', Math.floor(Date.now() / 1000) + 60);
  inbox.close();
  return { folder, file: databaseFile(folder), token };
}

const PATHS = [
  '/.well-known/openid-federation',
  ...RPS.map((id) => `/fetch?sub=${encodeURIComponent(id)}`),
  '/list',
  '/extended-list',
  '/historical-keys',
  '/head',
  ...RPS.map((id) => `/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(id)}`),
  `/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE)}`,
];
/** What the public plane answers from a store: status and bytes of each path. */
export async function served(published: Published): Promise<readonly string[]> {
  const now = () => Math.floor(Date.now() / 1000);
  const app = createPublicApp(() => ({ published, inbox: undefined, now, development: true }));
  return Promise.all(
    PATHS.map(async (path) => {
      const answer = await app.request(`${ISSUER}${path}`);
      return `${path} ${answer.status} ${await answer.text()}`;
    }),
  );
}

/** Write into a file behind everybody's back. */
export function sabotage(file: string, sql: string, ...params: unknown[]): void {
  const client = openSqlite(file);
  for (const one of unguarded(sql, () => client.prepare(GUARDS).all() as { name: string; sql: string }[]))
    client.prepare(one).run(...(one === sql ? params : []));
  client.close();
}
export const cellOf = (file: string, sql: string): unknown => {
  const client = openSqlite(file, { readonly: true });
  try {
    return client.prepare(sql).pluck().get();
  } finally {
    client.close();
  }
};
export const inFolder = (folder: string): string => join(folder, 'holdfast.db');
