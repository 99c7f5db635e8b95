import { expect, it } from 'vitest';
import { moveMember } from '../../src/operations/members/move-member.js';

import type { NodeStore } from '../../src/store/store.node.js';
import { createPublished, resolveVariant, type Select } from '../../src/store/published.js';
import { NO_CACHE } from '../../src/store/published-cache.js';
import { WATCHED } from '../../src/store/public-watches.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

const A = 'https://a.example.com';
const B = 'https://b.example.com';

async function federation() {
  const d = await testDeployment();
  const enroll = async (id: string) =>
    d.admin('POST', '/authorities/main/members', { entity_id: id, jwks: (await testMember(id)).jwks, entity_types: ['oauth_client'], activate: true });
  await enroll(A);
  const { published, store } = d;
  const { writer } = store as NodeStore;
  const fetch = (id: string) => d.public(`/fetch?sub=${encodeURIComponent(id)}`);
  const warm = async () => {
    for (const path of ['/.well-known/openid-federation', '/list', '/status-lists/0', `/fetch?sub=${encodeURIComponent(A)}`]) await d.public(path);
    published.begin();
    return { era: published.begin(), ...published.kept() };
  };
  /** What is left of it after something was committed. */
  const left = () => {
    (published as unknown as { changed(): void }).changed();
    const era = published.begin();
    return { era, ...published.kept() };
  };
  const has = (path: string) => published.spelled(`${ANCHOR}${path}`) !== undefined;
  return { d, enroll, published, writer, fetch, warm, left, has };
}

it('a commit that changes nothing public drops nothing', async () => {
  const { d, writer, warm, left } = await federation();
  writer.exec(`INSERT INTO member (id, authority_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, cut, created_at, updated_at, v)
    SELECT 'applicant', id, 'https://applicant.example', 'applied', '[]', 0, '{}', '{}', '{}', '{}', '[]', 0, 1, 1, 1 FROM authority`);
  left();
  const before = await warm();
  expect(before.spellings).toBe(4);
  writer.exec("UPDATE member SET claims = '{\"x\":1}' WHERE id = 'applicant'; UPDATE member SET state = 'withdrawn' WHERE id = 'applicant'");
  writer.exec("INSERT INTO lease (name, holder, until) VALUES ('x', 'y', 1)");
  writer.exec('UPDATE authority SET updated_at = updated_at + 1, v = v + 1');
  writer.exec('UPDATE artefact SET renew_at = renew_at + 1, lease_until = 5');
  writer.exec("INSERT INTO setting (name, value) VALUES ('x', 'y')");
  await d.tokenFor('auditor');
  expect(left()).toMatchObject({ entries: before.entries - 1, spellings: 3 });
  expect(left().era, 'an event was written, and so the list is looked at again').toBe(before.era + 1);
});

it('an enrolment drops the list and what rests on others, and leaves every statement', async () => {
  const { enroll, warm, left, has, fetch } = await federation();
  await warm();
  await enroll(B);
  left();
  expect(has('/list')).toBe(false);
  expect(has('/.well-known/openid-federation')).toBe(true);
  expect(has(`/fetch?sub=${encodeURIComponent(A)}`)).toBe(true);
  expect((await fetch(B)).status).toBe(200);
});

it('a cut drops everything, and its own rows are not what says so', async () => {
  const { d, warm, left, fetch } = await federation();
  await warm();
  await moveMember(d.call, 'main', A, 'suspend', { reason: 'cut' });
  expect(left()).toMatchObject({ entries: 0, spellings: 0 });
  expect((await fetch(A)).status).toBe(404);
});

it('an anchor that is taken away, and an evaluation that ends otherwise, end the answers that they led to at once', async () => {
  const { d, writer, left } = await federation();
  const [subject, other] = ['https://subject.example', 'https://other.example'];
  writer.exec(`INSERT INTO anchor_pin (authority_id, entity_id, created_by, created_at) SELECT id, '${other}', 'x', 1 FROM authority;
    INSERT INTO snapshot (authority_id, subject, trust_anchor, state, entity_types, path, trust_mark_types, findings, evaluated_at)
      SELECT id, '${subject}', '${other}', 'valid', '["oauth_client"]', '[]', '[]', '[]', 1 FROM authority;
    INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation)
      SELECT id, 'resolve', '${subject}', '${resolveVariant(other, ['oauth_client'])}', 'x/y', 'answer', 'hash', 1, ${NOW + 1000}, 'k', 1 FROM authority`);
  const status = async () => (await d.public(`/resolve?sub=${encodeURIComponent(subject)}&trust_anchor=${encodeURIComponent(other)}`)).status;
  const after = async (sql: string) => {
    writer.exec(sql);
    left();
    return [await status(), await status()];
  };
  expect([await status(), await status()]).toEqual([200, 200]);
  expect(await after("UPDATE snapshot SET state = 'unreachable'")).toEqual([503, 503]);
  expect(await after("UPDATE snapshot SET state = 'valid'")).toEqual([200, 200]);
  expect(await after('DELETE FROM anchor_pin')).toEqual([404, 404]);
});

it.each([
  ['a row is missing', "DELETE FROM public_change WHERE n = (SELECT max(n) FROM public_change); INSERT INTO lease (name, holder, until) VALUES ('x', 'y', 1)"],
  [
    'a row is and its number would come again',
    "DELETE FROM public_change WHERE n = (SELECT max(n) FROM public_change); UPDATE artefact SET bytes = 'other' WHERE kind = 'statement'",
  ],
  ['all rows are', "DELETE FROM public_change; INSERT INTO lease (name, holder, until) VALUES ('x', 'y', 1)"],
  ['another version tells of less', "DROP TRIGGER public_change_1; UPDATE artefact SET bytes = 'other' WHERE kind = 'statement'"],
])('when %s, everything may have changed', async (_, sql) => {
  const { writer, warm, left } = await federation();
  await warm();
  writer.exec(sql);
  expect(left()).toMatchObject({ entries: 0, spellings: 0 });
  if (!sql.includes('DROP')) return;
  await warm();
  writer.exec("INSERT INTO setting (name, value) VALUES ('x', 'y')");
  expect(left().entries, 'with each commit, as long as it is so').toBe(0);
});

it('a row that is given another place is told of at both', async () => {
  const { writer, warm, left, has } = await federation();
  writer.exec(
    `INSERT INTO snapshot_link (authority_id, subject, trust_anchor, issuer_id, kind, key, cut) SELECT id, 's', 't', id, 'statement', 's', 0 FROM authority`,
  );
  left();
  const told = (sql: string) => {
    writer.exec('DELETE FROM public_change');
    writer.exec(sql);
    return writer.prepare('SELECT what, authority_id, key FROM public_change ORDER BY authority_id, key').raw().all();
  };
  const id = String(writer.prepare('SELECT id FROM authority').pluck().get());
  expect(told("UPDATE audit_key SET authority_id = 'b'")).toEqual([
    ['audit_keys', id, null],
    ['audit_keys', 'b', null],
  ]);
  expect(told("UPDATE snapshot_link SET subject = 't'")).toEqual([
    ['links', id, 's'],
    ['links', id, 't'],
  ]);
  expect(told("UPDATE member SET id = 'other'")).toEqual([['all', null, null]]);
  left();
  await warm();
  expect(has('/list')).toBe(true);
});

it('what tells of changes is put right when the store is opened', async () => {
  const { d, writer, warm, left, has } = await federation();
  writer.exec('DROP TABLE public_change');
  expect(() => writer.exec('INSERT INTO anchor_pin SELECT * FROM anchor_pin; DELETE FROM artefact')).toThrow('public_change');
  const again = d.another().store as NodeStore;
  await warm();
  expect(has('/list')).toBe(true);
  again.writer.exec("UPDATE member SET state = 'suspended'");
  left();
  expect(await d.public('/list')).toMatchObject({ json: [] });
});

it('more than can be told one by one is everything; so few rows are kept', async () => {
  const { writer, warm, left, has } = await federation();
  await warm();
  const many = (n: number) =>
    writer.exec(
      `WITH RECURSIVE i(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM i WHERE n < ${n}) INSERT INTO public_change (what, authority_id) SELECT 'anchors', 'x' FROM i`,
    );
  many(499);
  left();
  expect(has('/list')).toBe(true);
  many(501);
  expect(left().entries).toBe(0);
  many(9000);
  expect(writer.prepare('SELECT count(*) FROM public_change').pluck().get()).toBeLessThan(5001);
});

it('every table that a kept answer was read from is watched', async () => {
  const d = await testDeployment();
  const { reader } = d.store as NodeStore;
  const asked = new Set<string>();
  const select: Select = (sql, params) => {
    asked.add(sql);
    return reader.prepare(sql).all(...params) as Record<string, unknown>[];
  };
  const keeping = new Set<string>();
  const published = createPublished(select, { ...NO_CACHE, get: () => undefined });
  // What asks by `keeping` and what a list that is kept asks; marked lists and pages of the extended one are kept by nobody.
  const all = [
    published.authorities(),
    published.isActive('x'),
    published.artefact('x', 'statement', 'y'),
    published.checkpoint('x', undefined),
    published.checkpoint('x', 1),
    published.auditKeys('x'),
    published.anchors('x'),
    published.evaluation('x', 'y', 'z'),
    published.resolved('x', 'y', 'z', []),
    published.clientDocument('x', 'y'),
    published.statusList('x', '0'),
    published.markStatus('x', 'y', 0),
    published.listPage('x', { entityTypes: ['a'], intermediate: true, trustMarked: false, trustMarkTypes: [] }, '', 1, 0),
  ];
  expect(all).toHaveLength(13);
  const tables = new Map(
    (reader.prepare('SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0').all() as { rootpage: number; tbl_name: string }[]).map((one) => [
      one.rootpage,
      one.tbl_name,
    ]),
  );
  for (const sql of asked) {
    if (sql.includes('FROM trust_mark AS t')) continue; // that a mark was issued is asked each time
    const program = reader.prepare(`EXPLAIN ${sql}`).all(...Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => null)) as {
      opcode: string;
      p2: number;
      p3: number;
    }[];
    for (const { opcode, p2, p3 } of program) if (opcode === 'OpenRead' && p3 === 0) keeping.add(tables.get(p2) as string);
  }
  expect([...keeping].sort()).toEqual(expect.arrayContaining(['artefact', 'authority', 'member', 'snapshot', 'snapshot_link']));
  expect([...keeping].filter((table) => !WATCHED.includes(table))).toEqual([]);
});
