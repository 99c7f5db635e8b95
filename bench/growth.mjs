// npm run bench growth: what a row of every table costs on the disk, its indexes included, by SQLite's dbstat. The database is
// filled by the operations of the product; docs/growth.md has the figures. Not part of a plain run: it takes a minute or two.
import { join } from 'node:path';
import { openSqlite } from '../dist/store/sqlite.node.js';
import { signJws } from '../dist/federation/entry.js';
import { discoveryTurn } from '../dist/operations/discovery.js';
import { backgroundTurn } from '../dist/operations/background.js';
import { grantMark, withdrawGrant } from '../dist/operations/marks/grant-mark.js';
import { createMarkType } from '../dist/operations/marks/mark-types.js';
import { recognizeMarkType } from '../dist/operations/marks/recognize-marks.js';
import { enrollMember } from '../dist/operations/members/enroll-member.js';
import { finishImport, startImport } from '../dist/operations/members/import-job.js';
import { importSlice } from '../dist/operations/members/import-members.js';
import { draftPolicy } from '../dist/operations/policies/policies.js';
import { impactSlice, startImpact } from '../dist/operations/policies/policy-impact.js';
import { crawlSlice, startCrawl } from '../dist/operations/resolving/crawl.js';
import { inboxOnSqlite, openInbox } from '../dist/store/inbox.node.js';
import { ANCHOR, deployment, memberId, seconds } from './setup.mjs';
import { say, title } from './measure.mjs';

const MEMBERS = Number(process.env['HOLDFAST_BENCH_MEMBERS'] ?? 2000);
const LEAVES = MEMBERS / 2;
const TYPE = `${ANCHOR}/marks/certified`;
const INTERMEDIATE = 'https://intermediate.example.org';
const leafId = (n) => `https://leaf${String(n).padStart(6, '0')}.example.net`;
const all = { more: () => true };

/** Entities with keys of their own, and the network on which they answer. */
function strangers(d) {
  const keys = new Map();
  const answers = new Map();
  const keyOf = async (id) => {
    if (!keys.has(id)) keys.set(id, await d.keyCustody.generate(id, 'ES256'));
    return keys.get(id);
  };
  const sign = async (iss, claims) => {
    const key = await keyOf(iss);
    const times = { iat: seconds() - 5, exp: seconds() + 86_000 };
    return signJws('entity-statement+jwt', { iss, sub: iss, ...times, ...claims }, await d.keyCustody.signer({ id: iss, ...key }));
  };
  const jwksOf = async (id) => ({ keys: [(await keyOf(id)).jwk] });
  const show = async (id, claims) => answers.set(`${id}/.well-known/openid-federation`, await sign(id, { jwks: await jwksOf(id), ...claims }));
  const outbound = {
    get: async ({ url }) => {
      const body = answers.get(url);
      return body === undefined ? { ok: false, findings: [] } : { ok: true, value: { url, body } };
    },
    post: async () => ({ ok: false, findings: [] }),
  };
  return { answers, sign, show, jwksOf, outbound };
}

const party = (id) => ({
  openid_relying_party: {
    redirect_uris: [`${id}/callback`],
    client_name: 'A relying party',
    contacts: ['operations@example.org'],
    grant_types: ['authorization_code', 'implicit'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks_uri: `${id}/jwks.json`,
  },
});

const linesOf = (world, first, from, to) =>
  Promise.all(
    Array.from({ length: to - from }, async (_, n) => ({
      line: from + n + 1,
      input: {
        entityId: memberId(first + from + n),
        jwks: await world.jwksOf(memberId(first + from + n)),
        entityTypes: ['openid_relying_party'],
        organization: `Organization ${Math.floor((from + n) / 4)}`,
        activate: true,
      },
    })),
  );

/** Send lines to a new import; closed, its report stays, and of a dry run that is not what it has read. */
async function imported(d, world, { from = 0, dryRun = false } = {}) {
  const { id } = await startImport(d.call, 'main', { dryRun });
  for (let at = 0; at < MEMBERS; at += 500) await importSlice(d.call, 'main', id, await linesOf(world, from, at, Math.min(at + 500, MEMBERS)));
  if (!dryRun) await finishImport(d.call, 'main', id);
}

async function markEverybody(d, world) {
  await createMarkType(d.call, 'main', TYPE, {});
  await recognizeMarkType(d.call, 'main', { type: TYPE, issuers: [ANCHOR] });
  for (let n = 0; n < MEMBERS; n++) {
    const { grant, mark } = await grantMark(d.call, 'main', { type: TYPE, member: memberId(n) });
    const trust_marks = [{ trust_mark_type: TYPE, trust_mark: mark.bytes }];
    await world.show(memberId(n), { authority_hints: [ANCHOR], metadata: party(memberId(n)), trust_marks });
    if (n % 10 === 9) await withdrawGrant(d.call, 'main', grant.id, 'bench');
  }
}

/** An intermediate of somebody else's with leaves: found by its listing, and once more by a crawl. */
async function below(d, world) {
  const endpoints = { federation_fetch_endpoint: `${INTERMEDIATE}/fetch`, federation_list_endpoint: `${INTERMEDIATE}/list` };
  await world.show(INTERMEDIATE, { authority_hints: [ANCHOR], metadata: { federation_entity: endpoints } });
  const leaves = Array.from({ length: LEAVES }, (_, n) => leafId(n));
  world.answers.set(`${INTERMEDIATE}/list`, JSON.stringify(leaves));
  for (const id of leaves) {
    await world.show(id, { authority_hints: [INTERMEDIATE], metadata: party(id) });
    world.answers.set(`${INTERMEDIATE}/fetch?sub=${encodeURIComponent(id)}`, await world.sign(INTERMEDIATE, { sub: id, jwks: await world.jwksOf(id) }));
  }
  await enrollMember(d.call, 'main', { entityId: INTERMEDIATE, jwks: await world.jwksOf(INTERMEDIATE), intermediate: true, activate: true });
}

async function discovered(live) {
  for (let turn = 0; turn < 20; turn++) {
    const { evaluated, crawled, listings } = await discoveryTurn(live, all);
    if (evaluated + crawled + listings === 0) return;
  }
}

/** What callers of the API and of the authenticated public plane leave behind. */
async function asked(d, world, inbox) {
  for (let n = 0; n < MEMBERS / 10; n++) {
    const id = `https://idempotent${String(n).padStart(4, '0')}.example.org`;
    const response = await d.admin.request('http://x/admin/v1/authorities/main/members', {
      method: 'POST',
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json', 'idempotency-key': `key-of-a-client-${n}` },
      body: JSON.stringify({ entity_id: id, jwks: await world.jwksOf(id), activate: true }),
    });
    if (response.status !== 201) throw new Error(await response.text());
  }
  const [{ id }] = d.store.reader.prepare('SELECT id FROM authority').all();
  for (const box of [inboxOnSqlite(d.store.writer), inbox]) {
    for (let n = 0; n < MEMBERS; n++) await box.spend(memberId(n), crypto.randomUUID(), seconds() + 120);
    for (let n = 0; n < Math.min(1000, MEMBERS); n++) await box.want(id, leafId(LEAVES + n), memberId(Math.floor(n / 20)), seconds());
  }
}

/** Bytes of each table with its indexes, by table. */
function sizes(client) {
  const rows = client
    .prepare(
      `SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes, sum(iif(s.type = 'index', d.pgsize, 0)) AS indexes
       FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY s.tbl_name ORDER BY s.tbl_name`,
    )
    .all();
  return rows.map((row) => ({ ...row, rows: client.prepare(`SELECT count(*) FROM "${row.name}"`).pluck().get() }));
}

const ENOUGH = 100;
const column = (value, width) => String(value).padStart(width);
function tell(client, prefix = '') {
  const few = [];
  for (const { name, bytes, indexes, rows } of sizes(client)) {
    if (name.startsWith('sqlite_') || name.startsWith('__')) continue;
    if (rows < ENOUGH) few.push(`${prefix}${name} (${rows})`);
    else
      say(
        `${(prefix + name).padEnd(28)}${column(rows, 8)} rows ${column(Math.round(bytes / rows), 6)} bytes a row, ${column(Math.round(indexes / rows), 5)} of them indexes`,
      );
  }
  if (few.length) say(`fewer than ${ENOUGH} rows, so pages and not rows would be measured: ${few.join(', ')}`);
}

/** The pages of a table are shared by its kinds: each is given its part by what its cells hold. */
function tellArtefacts(client) {
  const [{ bytes }] = sizes(client).filter(({ name }) => name === 'artefact');
  const held = 'length(key) * 2 + length(bytes) + length(sha256) + length(kid) + length(media_type) + coalesce(length(member_id), 0) * 2 + 100';
  const kinds = client
    .prepare(`SELECT kind, count(*) AS n, sum(length(bytes)) AS signed, sum(${held}) AS held FROM artefact GROUP BY kind ORDER BY kind`)
    .all();
  const whole = kinds.reduce((sum, one) => sum + one.held, 0);
  for (const { kind, n, signed, held: part } of kinds)
    say(
      `${`artefact ${kind}`.padEnd(28)}${column(n, 8)} rows ${column(Math.round((bytes * part) / whole / n), 6)} bytes a row, ${column(Math.round(signed / n), 5)} of them the signed bytes`,
    );
}

export async function growth() {
  title(`What a row costs: ${MEMBERS} members with ES256 keys and one mark each, ${LEAVES} leaves below an intermediate (bytes on the disk, with indexes)`);
  const d = await deployment();
  const world = strangers(d);
  const live = { ...d, outbound: world.outbound };
  await imported(d, world);
  await imported(d, world); // every line refused: they are members
  await imported(d, world, { from: MEMBERS, dryRun: true });
  await markEverybody(d, world);
  await below(d, world);
  await discovered(live);
  await startCrawl(d.call, 'main', undefined);
  while ((await crawlSlice(live)) > 0);
  await discovered(live);
  const { version } = await draftPolicy(d.call, 'main', {
    metadataPolicy: { openid_relying_party: { contacts: { subset_of: ['b@example.org'], essential: true } } },
  });
  await startImpact(d.call, 'main', version);
  while ((await impactSlice(d)) > 0);
  for (let n = 0; n < 2 * ENOUGH; n++) await finishImport(d.call, 'main', (await startImport(d.call, 'main', { dryRun: false })).id);
  await backgroundTurn(d, all);
  const file = join(d.folder, 'inbox.db');
  const inbox = openInbox(file);
  await asked(d, world, inbox);
  inbox.close();
  tell(d.store.reader);
  tellArtefacts(d.store.reader);
  const apart = openSqlite(file, { readonly: true });
  tell(apart, 'inbox.db ');
  apart.close();
  const pages = d.store.reader.pragma('page_count', { simple: true }) * d.store.reader.pragma('page_size', { simple: true });
  say(`the database: ${(pages / 1e6).toFixed(1)} MB, ${Math.round(pages / MEMBERS)} bytes a member`);
  d.close();
}
