import { expect, it } from 'vitest';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { endLeases } from '../../src/operations/resolving/take-entities.js';
import { listQuery } from '../../src/store/listing-query.js';
import type { NodeStore } from '../../src/store/store.node.js';
import type { TestDeployment } from '../support/deployment.js';
import { marked } from '../support/marked.js';
import { carriedOut } from '../support/node/carried-out.js';

const RP = 'https://rp.example';
const TYPE = 'https://anchor.example.org/marks/certified';

/** Tables of which a large federation has as many rows as members, or more, by all names that statements give them. */
const LARGE = ['artefact', 'member', 'status_entry', 'trust_mark', 'trust_mark_grant', 'known_entity', 'snapshot', 'snapshot_link', 'event', 'checkpoint'];
const LARGE_AS: readonly string[] = [...LARGE, 'a', 'm', 'e', 't', 'g', 's', 'l', 'k', 'mark', 'own', 'p', 'r'];
/** Indexes that hold few of the rows, and tables that these letters name elsewhere. */
const FEW =
  /USING INDEX (?:member_unplaced|member_(?:accredited|reattest|suspended_with|entitled)|artefact_(?:withheld|mark_end)) ?|^SCAN a(?:uthority)?$|^SCAN a USING INDEX sqlite_autoindex_authority_1$|^SCAN r$/;
/** Heads and status lists: one of an authority, and one for many thousands of its members. */
const OF_KIND = /"kind" = \+?\?|\.kind = 'status_list'/;

/** What SQLite does for each statement: steps that read a large table whole, or all that belongs to one authority, with the statement. */
async function wholeReads(d: TestDeployment, act: () => Promise<unknown>): Promise<readonly string[]> {
  const { reader } = d.store as NodeStore;
  const seen = await carriedOut({ reader }, act);
  return seen.flatMap((sql) => {
    if (!/^\s*(?:select|update|delete|insert|with)/i.test(sql)) return [];
    const nothing = Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => null);
    const steps = (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...nothing) as { detail: string }[]).map(({ detail }) => detail);
    const tooMuch = (step: string): boolean => {
      const table = /^(?:SCAN|SEARCH) (\w+)/.exec(step)?.[1] ?? '';
      if (!LARGE_AS.includes(table) || FEW.test(step)) return false;
      if (step.startsWith('SCAN')) return true;
      return /\(authority_id=\?(?: AND state=\?)?\)$/.test(step) || (/\(authority_id=\? AND kind=\?\)$/.test(step) && !OF_KIND.test(sql));
    };
    return steps.filter(tooMuch).map((step) => `${step}: ${sql.replace(/\s+/g, ' ').slice(0, 3000)}`);
  });
}

it('a turn of the background in which nothing is due reads no large table: it costs the same among a million members', async () => {
  const d = await marked(RP, TYPE);
  await backgroundTurn(d.deployment, { more: () => true });
  // The ends of chains, by which it is seen that nothing moved, are read from one end of an index.
  const atOneEnd = /max\(seq\)|order by "event"."seq" desc limit|max\(before\.n\)|max\(last\.n\)/;
  // Of authorities for agents, whose agents end all the time.
  const ofAgents = /from "authority" cross join "member" where \("authority"."agents_of" is not null/;
  const read = await wholeReads(d, () => backgroundTurn(d.deployment, { more: () => true }));
  expect(read.filter((step) => !atOneEnd.test(step) && !ofAgents.test(step))).toEqual([]);
});

/** Rows that are counted up to a number (store/reach-counts.ts), and those of one end of an index, are read no further. */
const BOUNDED = new RegExp(
  [
    /LIMIT \+?\?\)? AS (?:few|linked)\b/,
    /order by "member"\."entity_id" limit|ORDER BY entity_id LIMIT/,
    /max\(seq\)|min\(seq\)|order by "?(?:event"\.")?seq"? desc limit/i,
    /SCAN [ekr] VIRTUAL TABLE/,
    /l\.kind = 'status_list'|"kind" = 'status_list'/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'i',
);

it('what a cut would reach, its rehearsal, the cut and its receipt read no large table whole, nor all of an authority; of an organization or a key those that are its own', async () => {
  const d = await marked(RP, TYPE);
  const A = '/authorities/main';
  await d.admin('PATCH', `${A}/members/${encodeURIComponent(RP)}`, { organization: 'Bank A' });
  const [{ thumbprint } = {}] = await d.rows('SELECT thumbprint FROM member_key LIMIT 1');
  const targets = [
    { level: 'member', authority: 'main', member: RP },
    { level: 'organization', authority: 'main', organization: 'Bank A' },
    { level: 'key', key: String(thumbprint) },
    { level: 'mark_type', authority: 'main', type: TYPE },
    { level: 'authority', authority: 'main' },
  ];
  const read = await wholeReads(d, async () => {
    for (const target of targets) {
      expect((await d.admin('GET', `/halts/reach?${new URLSearchParams(target)}`)).status).toBe(200);
      expect((await d.admin('POST', '/halts?dry_run=true', { ...target, reason: 'drill' })).status).toBe(200);
    }
    for (const path of ['/reach', '/organizations/Bank%20A', '/organizations/Bank%20A/reach', `/members/${encodeURIComponent(RP)}`])
      expect((await d.admin('GET', `${A}${path}`)).status, path).toBe(200);
    for (const target of targets) expect((await d.admin('POST', '/halts', { ...target, reason: 'fraud' })).status).toBe(200);
  });
  expect(read.filter((step) => !BOUNDED.test(step))).toEqual([]);
});

it('a slice of statements that are due finds their members by themselves', async () => {
  const d = await marked(RP, TYPE);
  await backgroundTurn(d.deployment, { more: () => true });
  d.clock += 80_000;
  const read = await wholeReads(d, async () => expect(await renewSlice(d.deployment)).toBeGreaterThan(0));
  expect(read.filter((step) => !BOUNDED.test(step))).toEqual([]);
});

it('the end of whoever evaluates reads those that are due within a lease', async () => {
  const d = await marked(RP, TYPE);
  const { reader } = d.store as NodeStore;
  const [sql = ''] = (await carriedOut({ reader }, () => endLeases(d.deployment, false))).filter((one) => one.includes('known_entity'));
  const nothing = Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => null);
  expect((reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...nothing) as { detail: string }[]).map(({ detail }) => detail)).toEqual([
    'SEARCH known_entity USING INDEX known_entity_due (due_at>? AND due_at<?)',
  ]);
});

it('others have a turn between two kinds of work of the background', async () => {
  const d = await marked(RP, TYPE);
  let [turns, going] = [0, true];
  const count = (): void => {
    turns++;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  await backgroundTurn(d.deployment, { more: () => true });
  going = false;
  expect(turns).toBeGreaterThan(15);
});

it('a page of the list is read from an index alone, as one row, and places of members in force without a look at their rows', async () => {
  const d = await marked(RP, TYPE);
  const { reader } = d.store as NodeStore;
  const [owner] = await d.rows('SELECT id FROM authority');
  const { sql, params } = listQuery({ entityTypes: [], intermediate: false, trustMarked: false, trustMarkTypes: [] }, 1);
  const steps = (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params, owner?.['id'], '', 1, 900) as { detail: string }[]).map(({ detail }) => detail);
  expect(steps.filter((step) => /\bmember\b/.test(step))).toEqual([
    'SEARCH member USING COVERING INDEX member_listed (authority_id=? AND state=? AND entity_id>?)',
  ]);
  expect(reader.prepare(sql).all(...params, owner?.['id'], '', 1, 900)).toEqual([{ looked: 1, last: RP, json: `"${RP}"`, until: null }]);
  // The list is signed anew when this is forgotten: what the process remembers of it reads nothing at all.
  const seen = await carriedOut({ reader }, async () => {
    d.clock += 700;
    await backgroundTurn(d.deployment, { more: () => true });
  });
  const places = seen.find((one) => one.includes('INDEXED BY member_placed'));
  expect(places).toBeDefined();
  const nothing = Array.from({ length: (places?.match(/\?/g) ?? []).length }, () => null);
  const looked = (reader.prepare(`EXPLAIN QUERY PLAN ${places}`).all(...nothing) as { detail: string }[]).map(({ detail }) => detail);
  expect(looked.filter((step) => /SEARCH [pm] /.test(step))).toEqual([
    expect.stringMatching(/^SEARCH p USING COVERING INDEX member_placed/),
    expect.stringMatching(/^SEARCH m USING INDEX sqlite_autoindex_member_1 \(id=\?\)/),
  ]);
});
