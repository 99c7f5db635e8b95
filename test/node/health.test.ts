import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { overdue, renewSlice } from '../../src/operations/artefacts/renew.js';
import { activeMembers } from '../../src/platform/active-members.node.js';
import { onChange, readiness } from '../../src/platform/health.js';
import { createRoot } from '../../src/platform/root.js';
import { createPublicApp } from '../../src/public/app.js';
import { createMetrics } from '../../src/platform/metrics.node.js';
import { insertRows } from '../../src/store/bulk.js';
import { publishedOnSqlite } from '../../src/store/published.node.js';
import { setting, UNCONFIRMED } from '../../src/store/schema.js';
import { openReader } from '../../src/store/light-sqlite.node.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { NOW, testDeployment } from '../support/deployment.js';
import { carriedOut } from '../support/node/carried-out.js';

async function prepared() {
  const d = await testDeployment();
  return { ...d, store: d.deployment.store as NodeStore };
}

const plan = ({ writer }: NodeStore, sql: string): readonly string[] =>
  (writer.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => 1)) as { detail: string }[]).map(
    ({ detail }) => detail,
  );

const LARGE = 'event|artefact|member|known_entity|snapshot|trust_mark';
/**
 * Steps that read all of a table that grows with members or time. SQLite calls `max` of a column without index a search;
 * only of the row number it is one.
 */
const scans = (store: NodeStore, sql: string): readonly string[] =>
  plan(store, sql).filter(
    (step) => new RegExp(`^SCAN (?:${LARGE}|e)\\b`).test(step) || (new RegExp(`^SEARCH (?:${LARGE})$`).test(step) && !sql.includes('max(rowid)')),
  );

describe('what anyone may ask of the process itself', () => {
  it('readiness and metrics read by index, whatever there is: no statement of theirs scans events, artefacts or members', async () => {
    const { store, deployment } = await prepared();
    const metrics = createMetrics(deployment, store);
    const seen = await carriedOut(store, async () => {
      expect((await readiness(deployment)).ready).toBe(true);
      await metrics.registry.metrics();
    });
    expect(seen.length).toBeGreaterThan(8);
    for (const sql of seen) {
      expect(scans(store, sql), sql).toEqual([]);
      expect(
        plan(store, sql).filter((step) => step.includes('TEMP B-TREE')),
        sql,
      ).toEqual([]);
    }
    for (const sql of ['SELECT max(reason) FROM event', "SELECT count(*) FROM member WHERE state = 'active'", 'SELECT min(iat) FROM artefact'])
      expect(scans(store, sql), 'the check would notice').toHaveLength(1);
  });
  it('readiness proves once in a while that it could write, whoever asks how often', async () => {
    const d = await prepared();
    let probes = 0;
    const store = { ...d.store, probe: () => d.store.probe().then(() => void probes++) };
    const deployment = { ...d.deployment, store };
    for (let n = 0; n < 100; n++) await readiness(deployment);
    expect(probes).toBe(1);
  });
  it('readiness drops nothing that is kept of what is published, here or in another process; a commit of something public still does', async () => {
    const d = await prepared();
    const other = publishedOnSqlite(openReader(d.store.writer.name));
    const later = () => new Promise((done) => setTimeout(done, 25)); // data_version is asked for again
    await d.public('/.well-known/openid-federation');
    for (let n = 0; n < 3; n++) {
      await later();
      const before = [d.published.begin(), other.begin(), d.published.kept().entries];
      expect(before[2]).toBeGreaterThan(0);
      expect((await readiness({ ...d.deployment })).checks['store']).toBe('ok');
      await later();
      expect([d.published.begin(), other.begin(), d.published.kept().entries]).toEqual(before);
    }
    expect(await d.rows("SELECT name FROM setting WHERE name = 'readyz'")).toEqual([]);
    const before = [d.published.begin(), other.begin()];
    await d.deployment.store.write([insertRows(setting, [{ name: 'x', value: 'y' }])]);
    await later();
    expect([d.published.begin(), other.begin()]).toEqual(before);
    await d.deployment.store.write([insertRows(setting, [{ name: UNCONFIRMED, value: 'y' }])]);
    await later();
    expect([d.published.begin(), other.begin()]).toEqual(before.map((era) => era + 1));
  });
  it('a store that is full, locked, or cannot be written is not ready, and is again when that has passed', async () => {
    const d = await prepared();
    const { writer } = d.store;
    const checked = async () => (await readiness({ ...d.deployment })).checks['store'];
    const most = writer.pragma('max_page_count', { simple: true });
    writer.pragma(`max_page_count = ${Number(writer.pragma('page_count', { simple: true })) + 3}`);
    expect(await checked()).toBe('failing');
    writer.pragma(`max_page_count = ${most}`);
    expect(await checked()).toBe('ok');
    writer.pragma('query_only = ON');
    expect(await checked()).toBe('failing');
    writer.pragma('query_only = OFF');
    const other = openSqlite(writer.name);
    other.exec('BEGIN IMMEDIATE');
    expect(await checked()).toBe('failing');
    other.exec('COMMIT');
    other.close();
    expect(await checked()).toBe('ok');
    expect(writer.pragma('cache_size', { simple: true })).toBeLessThan(-1000);
  });
  it('why it is not ready is told when that changes, and is no part of the answer', async () => {
    const d = await prepared();
    const told: unknown[] = [];
    const listen = onChange(({ ready, reasons }) => told.push([ready, reasons]));
    const ask = async () => listen(await readiness({ ...d.deployment }));
    await ask();
    d.store.writer.exec('ALTER TABLE artefact RENAME COLUMN withheld TO gone');
    for (let n = 0; n < 3; n++) await ask();
    expect(told).toEqual([[false, { renewal: expect.stringContaining('no such column: withheld') }]]);
    const answer = await createRoot({ admin: undefined, publicApp: createPublicApp(() => ({}) as never), readiness: ask })(
      new Request('http://localhost/readyz'),
    );
    expect([answer.status, await answer.text()]).toEqual([503, expect.not.stringContaining('withheld')]);
    d.store.writer.exec('ALTER TABLE artefact RENAME COLUMN gone TO withheld');
    await ask();
    await ask();
    expect(told.slice(1)).toEqual([[true, {}]]);
  });
  it('what is written to find out reaches the disk', async () => {
    const d = await prepared();
    const log = `${d.store.writer.name}-wal`;
    const before = statSync(log).size;
    await d.store.probe();
    expect(statSync(log).size - before).toBeGreaterThan(100_000);
  });
  it('a clock that was set back is noticed, and right again it is ready', async () => {
    const d = await prepared();
    expect((await readiness({ ...d.deployment })).checks).toMatchObject({ clock: 'ok' });
    d.jump(-100);
    expect((await readiness({ ...d.deployment })).checks).toMatchObject({ clock: 'failing' });
    d.jump(70);
    expect((await readiness({ ...d.deployment })).checks).toMatchObject({ clock: 'ok' });
  });
  it('renewal finds what is withheld, and what is due, in their order by index', async () => {
    const { store, deployment } = await prepared();
    const seen = await carriedOut(store, () => renewSlice(deployment, 10));
    const due = seen.filter((sql) => /^select .*from "artefact" where .*"renew_at" <= /.test(sql));
    expect(due.map((sql) => plan(store, sql).join('; '))).toEqual([
      expect.stringMatching(/^SEARCH artefact USING INDEX artefact_withheld \(renew_at<\?\)$/),
      expect.stringMatching(/^SEARCH artefact USING INDEX artefact_renew \(renew_at<\?\)$/),
    ]);
  });
  it('overdue: after a quarter of a lifetime, withheld at once, past the cap never; counted up to a bound', async () => {
    const d = await prepared();
    const [owner] = await d.rows('SELECT id FROM authority');
    const add = (
      count: number,
      {
        renewAt,
        exp,
        cap = 'NULL',
        kind = 'statement',
        withheld = 'NULL',
      }: { renewAt: number | 'NULL'; exp: number; cap?: number | 'NULL'; kind?: string; withheld?: string },
    ) =>
      d.execute(`WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO artefact (authority_id, kind, key, media_type, bytes, sha256, iat, exp, cap, kid, generation, renew_at, withheld)
        SELECT '${String(owner?.['id'])}', '${kind}', '${createHash('sha256').update(Math.random().toString()).digest('hex')}' || i, 'x', 'x', 'x', ${NOW - 500}, ${exp}, ${cap}, 'k', 1, ${renewAt}, ${withheld} FROM n`);
    const count = () => overdue(d.deployment);
    expect(await count()).toBe(0);
    await add(1, { renewAt: NOW - 250, exp: NOW + 500 });
    expect(await count(), 'a quarter of 1000 seconds is not over').toBe(0);
    await add(1, { renewAt: NOW - 251, exp: NOW + 500 });
    expect(await count()).toBe(1);
    await add(1, { renewAt: NOW, exp: NOW + 500, withheld: "'key_revoked'" });
    expect(await count(), 'withheld').toBe(2);
    await add(1, { renewAt: NOW - 1, exp: NOW - 1 });
    expect(await count(), 'ended').toBe(3);
    await d.execute(`DELETE FROM artefact WHERE exp = ${NOW - 1}`);
    await add(1, { renewAt: NOW, exp: NOW + 1 });
    await add(1, { renewAt: NOW, exp: NOW - 1, kind: 'mark_status' });
    await add(1, { renewAt: NOW, exp: NOW + 500, kind: 'mark_status', withheld: "'key_revoked'" });
    await add(1, { renewAt: NOW - 400, exp: NOW - 10, cap: NOW - 10 });
    await add(1, { renewAt: 'NULL', exp: NOW - 10 });
    expect(await count(), 'none of these').toBe(2);
    await add(5000, { renewAt: NOW - 300, exp: NOW + 100_000 });
    expect(await count(), 'a short-lived one is found behind many long-lived ones that are due for longer').toBe(2);
    await add(5000, { renewAt: NOW - 260, exp: NOW + 400 });
    const many = await count();
    expect([many >= 900, many <= 2002], `${many}`).toEqual([true, true]);
  });
  it('metrics tell how often the discovery thread was started again and entities were set aside, as counters, at each scrape', async () => {
    const d = await prepared();
    const counts = { restarts: 0, setAside: 0 };
    const { registry } = createMetrics(d.deployment, d.store, { discovery: counts });
    const lines = async () =>
      (await registry.metrics()).split('\n').filter((line) => /holdfast_(discovery|operations|transactions)\w* /.test(line) && !line.startsWith('# HELP'));
    const told = (restarts: number, aside: number) => [
      '# TYPE holdfast_discovery_restarts_total counter',
      `holdfast_discovery_restarts_total ${restarts}`,
      '# TYPE holdfast_discovery_set_aside_total counter',
      `holdfast_discovery_set_aside_total ${aside}`,
    ];
    expect(await lines()).toEqual(expect.arrayContaining(told(0, 0)));
    Object.assign(counts, { restarts: 3, setAside: 1 });
    for (let n = 0; n < 2; n++) expect(await lines()).toEqual(expect.arrayContaining(told(3, 1)));
    expect(await registry.metrics()).toMatch(/# HELP holdfast_discovery_set_aside_total \S+/);
    expect(await lines()).toEqual(
      expect.arrayContaining(['# TYPE holdfast_operations_total counter', `holdfast_operations_total ${d.store.counts.operations}`]),
    );
    expect(await registry.metrics(), 'where there is no such thread').not.toContain('NaN');
  });
  it('active members are counted in slices that let others in between, and of many at most once a minute', async () => {
    const d = await prepared();
    const [owner] = await d.rows('SELECT id FROM authority');
    const fill = (from: number, to: number) =>
      d.execute(`WITH RECURSIVE n(i) AS (VALUES (${from}) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${to})
        INSERT INTO member (id, authority_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, cut, created_at, updated_at, v)
        SELECT 'm' || i, '${String(owner?.['id'])}', 'https://m' || i || '.example', CASE WHEN i % 10 = 0 THEN 'suspended' ELSE 'active' END, '[]', 0, '{}', '{}', '{}', '{}', '[]', 0, 1, 1, 1 FROM n`);
    let clock = 0;
    const count = activeMembers(d.store.db, () => clock);
    await fill(0, 1000);
    expect(await count()).toBe(900);
    await fill(1000, 1010);
    expect(await count(), 'few are counted at every call').toBe(909);
    await fill(1010, 40_000);
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 0);
    expect(await Promise.all([count(), count(), count()])).toEqual([36_000, 36_000, 36_000]);
    clearInterval(ticking);
    expect(ticks, 'others had their turn').toBeGreaterThan(0);
    await d.execute("UPDATE member SET state = 'suspended'");
    const seen = await carriedOut(d.store, async () => {
      clock = 59_999;
      expect(await count()).toBe(36_000);
    });
    expect(seen).toEqual([]);
    clock = 60_000;
    expect(await count()).toBe(0);
  });
});
