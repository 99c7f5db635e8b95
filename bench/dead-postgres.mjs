// npm run bench dead-postgres: the same on PostgreSQL with a synchronous standby, smaller.
//   DEAD  how many (default 2000)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSealKey } from '../dist/keys/random.js';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { ensureOwner } from '../dist/operations/access/api-keys.js';
import { attachPostgres, makeDatabase } from './failover-setup.mjs';
import { ANCHOR, address, admin, living, several, silence, start } from './dead.mjs';
import { intermediate } from './dead-worlds.mjs';
import { judge, say, title } from './measure.mjs';
import { startPair } from './postgres-server.mjs';
const DEAD = Number(process.env.DEAD ?? 2000);
const HOST = '127.200.1.1';

async function deployed(pair) {
  const url = await makeDatabase(pair.primary.url);
  const seal = newSealKey();
  const { call, ...rest } = await attachPostgres(url, undefined, seal);
  const parts = { ...rest, development: true };
  const token = await ensureOwner(parts, undefined);
  const develops = { ...call, development: true };
  await createAuthority(develops, { slug: 'main', entityId: ANCHOR });
  await createAuthority(develops, { slug: 'inter', entityId: `${ANCHOR}/inter`, authorityHints: [ANCHOR] });
  const key = await rest.custody.generate('bench', 'ES256');
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  return { ...parts, url, seal, token, key, keyCustody: rest.custody, jwks: { keys: [key.jwk] }, folder };
}

async function imported(d, count, idOf) {
  const { id } = await admin(d, '/authorities/main/imports', { dry_run: false });
  const lines = Array.from({ length: count }, (_, n) => `${JSON.stringify({ entity_id: idOf(n), jwks: d.jwks, activate: true })}\n`);
  await admin(d, `/authorities/main/imports/${id}/lines`, lines.join(''), 'application/x-ndjson');
}

export async function deadPostgres() {
  title(`A new member beside ${DEAD} dead ones, on PostgreSQL`);
  const pair = await startPair();
  const d = await deployed(pair);
  const silent = await silence();
  const alive = await living(d, { other: `http://${HOST}:${silent.port}/superior` });
  const below = await living(d, { superior: `${ANCHOR}/inter` });
  const ours = await start(d, { HOLDFAST_DATABASE: d.url });
  process.once('exit', ours.kill);
  let n = 0;
  const look = async (what, who = alive, options = {}) => {
    say(what);
    const took = await several(d, who, n, 6, 300, { patience: 30_000, ...options });
    n += took.length;
    judge('first answer (s), the slowest', Math.max(...took) / 1000, { atMost: 2 });
  };
  await imported(d, DEAD, (k) => `http://${address(k)}:${k % 2 ? silent.port : 1}`);
  await look('just imported, half of them hang:');
  const more = imported(d, DEAD, (k) => `http://127.100.${k >> 8}.${k & 255}:${silent.port}`);
  await look('while as many more are imported:');
  await more;
  await imported(d, DEAD, (k) => `http://${HOST}:${silent.port}/p${k}`);
  await look('on a host that has as many which say nothing:', alive, { host: HOST });
  await imported(d, DEAD / 4, (k) => `http://127.201.0.${k % 250}:${alive.port}/below${k}`);
  await look('beside some that answer, and have a superior that says nothing:');
  await intermediate(d);
  await look('below an intermediate, asked of the anchor:', below, { slug: 'inter' });
  await ours.stop();
  process.removeListener('exit', ours.kill);
  for (const one of [silent, alive, below]) one.close();
  await d.store.close();
  await pair.stop();
  rmSync(d.folder, { recursive: true, force: true });
}
