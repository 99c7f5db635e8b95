// npm run bench dead-worlds: how long a member that is new waits for its first resolve answer beside members that are dead in other
// ways than those of `bench dead`, and in other moments. But where a world says so all of them stand in the line of those that are new.
//   DEAD         how many (default 100000)
//   DEAD_WORLDS  which of them, by name and separated by commas (default all)
//   DEAD_FOLDER  a deployment that a run before has left, and that is left again
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { ANCHOR, address, admin, living, several, silence, start } from './dead.mjs';
import { judge, say, title } from './measure.mjs';
import { attach, deployment, populate, seconds } from './setup.mjs';

const DEAD = Number(process.env.DEAD ?? 100_000);
const ONLY = process.env.DEAD_WORLDS?.split(',');
const FOLDER = process.env.DEAD_FOLDER;
const HOST = '127.200.1.1';
const MORE = 10_000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Whom they ask for: SQL of an identifier, by its number `n`. */
const hosts = (port, path = '') => `'http://127.' || (1 + (n >> 16)) || '.' || ((n >> 8) & 255) || '.' || (n & 255) || ':${port}${path}'`;
const WORLDS = {
  hang: { says: 'hosts of their own that accept and say nothing', id: ({ silent }) => hosts(silent.port) },
  'not-found': { says: 'hosts of their own that answer 404', id: ({ alive }) => hosts(alive.port) },
  paths: { says: 'one host that says nothing, at different paths', id: ({ silent }) => `'http://${HOST}:${silent.port}/p' || n` },
  ports: {
    says: 'one host that says nothing, at different ports',
    id: ({ silent }) => `'http://${HOST}:' || (CASE n % 2 WHEN 0 THEN ${silent.port} ELSE 1000 + n % 60000 END) || '/p' || n`,
  },
  beside: { says: 'one host that says nothing, and has the new one too', id: ({ silent }) => `'http://${HOST}:${silent.port}/p' || n`, host: HOST },
  found: { says: 'one host that answers 404, and has the new one too', id: ({ alive }) => `'http://${HOST}:${alive.port}/p' || n`, host: HOST },
  names: { says: 'names of their own at one address that says nothing', id: ({ silent }) => `'http://d' || n || '.localhost:${silent.port}'` },
  superior: { says: 'hosts that answer, and have a superior that says nothing', id: ({ alive }) => hosts(alive.port, '/below') },
  chain: {
    says: 'hosts that say nothing; the new one has an intermediate above it',
    id: ({ silent }) => hosts(silent.port),
    slug: 'inter',
    base: `${ANCHOR}/inter`,
  },
  listed: { says: 'the same, asked of the anchor, which knows it by a listing', id: ({ silent }) => hosts(silent.port), slug: 'inter' },
  import: { says: `hosts that say nothing, while ${MORE} more of them are imported`, id: ({ silent }) => hosts(silent.port), line: 3, imports: true },
  restart: { says: 'hosts that say nothing, right after a restart', id: ({ silent }) => hosts(silent.port), soon: true },
};

const saved = () => join(FOLDER, 'bench.json');

/** A new deployment with an intermediate of its own, and all members; or the one that was left. */
async function made(silent) {
  if (FOLDER && existsSync(saved())) {
    const { seal, ...rest } = JSON.parse(readFileSync(saved(), 'utf8'));
    const left = await attach(FOLDER, seal, true);
    return { ...left, ...rest, seal, keyCustody: left.custody, folder: FOLDER, close: () => left.store.close() };
  }
  const d = await deployment({ entityId: ANCHOR, development: true, folder: FOLDER });
  await createAuthority(d.call, { slug: 'inter', entityId: `${ANCHOR}/inter`, authorityHints: [ANCHOR] });
  await populate(d, 0, DEAD, (n) => `http://${address(n)}:${silent.port}`);
  if (!FOLDER) return d;
  writeFileSync(saved(), JSON.stringify({ seal: d.seal, token: d.token, jwks: d.jwks, key: d.key }));
  return { ...d, close: () => d.store.close() };
}

/** The intermediate is a member of the anchor, resolves under it too, and is trusted. */
export async function intermediate(d) {
  const configuration = await (await fetch(`${ANCHOR}/inter/.well-known/openid-federation`)).text();
  const { jwks } = JSON.parse(Buffer.from(configuration.split('.')[1], 'base64url').toString());
  await admin(d, '/authorities/main/members', { entity_id: `${ANCHOR}/inter`, jwks, entity_types: ['federation_entity'], intermediate: true, activate: true });
  await admin(d, '/authorities/inter/anchors', { entity_id: ANCHOR });
  await pause(3000);
}

/** More of those that say nothing are imported, as fast as it goes. */
async function imported(d, silent) {
  const { id } = await admin(d, '/authorities/main/imports', { dry_run: false });
  const begun = performance.now();
  for (let at = 0; at < MORE; at += 1000) {
    const lines = Array.from({ length: 1000 }, (_, n) =>
      JSON.stringify({ entity_id: `http://127.100.${at / 1000}.${n % 250}:${silent.port}/${n}/${begun}`, jwks: d.jwks, activate: true }),
    );
    await admin(d, `/authorities/main/imports/${id}/lines?first_line=${at + 1}`, `${lines.join('\n')}\n`, 'application/x-ndjson');
  }
  say(`imported within ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

const isThere = (d) => d.store.writer.prepare('SELECT 1 FROM anchor_pin').get() !== undefined;

const worldOf = (d, id, line) => {
  d.store.writer.exec(
    "DELETE FROM known_entity WHERE entity_id NOT LIKE 'http://localhost%'; DELETE FROM snapshot WHERE state <> 'valid'; DELETE FROM crawl_entity; DELETE FROM job WHERE kind = 'crawl'",
  );
  d.store.writer.exec(`WITH RECURSIVE t (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n < ${DEAD - 1})
    INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at, line, attempts)
    SELECT a.id, ${id}, 'member', '[]', '{}', '[]', ${seconds() - 60}, ${line}, ${line === 3 ? 11 : 0} FROM t, authority AS a WHERE a.slug = 'main' ON CONFLICT DO NOTHING`);
};

export async function deadWorlds() {
  title(`A new member beside ${DEAD} dead ones, in other worlds`);
  const silent = await silence();
  const d = await made(silent);
  const alive = await living(d, { other: `http://${HOST}:${silent.port}/superior` });
  const below = await living(d, { superior: `${ANCHOR}/inter` });
  let n = 0;
  for (const [name, world] of Object.entries(WORLDS)) {
    if (ONLY && !ONLY.includes(name)) continue;
    say(`${name}: ${world.says}`);
    worldOf(d, world.id({ silent, alive }), world.line ?? 0);
    const ours = await start(d);
    process.once('exit', ours.kill);
    if (world.slug && !(await isThere(d))) await intermediate(d);
    if (!world.soon) await pause(5000);
    const more = world.imports ? imported(d, silent) : undefined;
    const took = await several(d, world.slug ? below : alive, n, 6, 700, { ...world, patience: 30_000 });
    n += 6;
    await more;
    judge('first answer (s), the slowest', Math.max(...took) / 1000, { atMost: 2 });
    process.removeListener('exit', ours.kill);
    await ours.stop();
  }
  silent.close();
  alive.close();
  below.close();
  d.close();
}
