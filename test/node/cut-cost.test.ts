import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { passEndedPlaces } from '../../src/operations/marks/pass-places.js';
import type { NodeStore } from '../../src/store/store.node.js';
import type { TestDeployment } from '../support/deployment.js';
import { marked } from '../support/marked.js';
import { carriedOut } from '../support/node/carried-out.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = (id: string) => encodeURIComponent(id);

/** Tables that grow with the federation. A cut may look into them, never through them. */
const LARGE = ['artefact', 'member', 'trust_mark', 'trust_mark_grant', 'known_entity', 'snapshot', 'snapshot_link'];

/** What SQLite does for each statement that `act` runs: the steps of its query plans. */
async function plansOf(d: TestDeployment, act: () => Promise<unknown>, least = 6): Promise<readonly string[]> {
  const { reader } = d.store as NodeStore;
  const seen = await carriedOut({ reader }, act);
  const asks = (sql: string) => /^\s*(?:select|update|delete|insert|with)/i.test(sql);
  // Status lists, of which an authority has one for 90 000 members, are looked for when the cut is committed.
  const asked = seen.filter((sql) => asks(sql) && !sql.includes("kind\" = 'status_list'"));
  expect(asked.length).toBeGreaterThanOrEqual(least);
  return asked.flatMap((sql) => {
    const explained = reader.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    const nothing = Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => null);
    return (explained.all(...nothing) as { detail: string }[]).map(({ detail }) => detail);
  });
}

/** A step that reads a large table whole, or all that belongs to one authority. */
const tooMuch = (step: string): boolean => {
  const table = /(?:SCAN|SEARCH) (\w+)/.exec(step)?.[1];
  const short: Record<string, string> = {
    a: 'artefact',
    old: 'artefact',
    mark: 'artefact',
    g: 'trust_mark_grant',
    m: 'member',
    s: 'snapshot',
    l: 'snapshot_link',
    t: 'trust_mark',
  };
  if (!table || !LARGE.includes(short[table] ?? table)) return false;
  return step.startsWith('SCAN') || /\((?:authority_id|issuer_id)=\?(?: AND (?:kind|state)=\?)?\)$/.test(step);
};

it.each([
  ['suspend', `${A}/members/${of(RP)}/suspend`],
  ['revoke', `${A}/members/${of(RP)}/revoke`],
])('%s costs the same however many members, marks and answers there are', async (_verb, path) => {
  const d = await marked(RP, TYPE);
  const steps = await plansOf(d, async () => expect((await d.admin('POST', path, { reason: 'fraud' })).status).toBe(200));
  expect(steps.filter(tooMuch)).toEqual([]);
});

it('so does the end of a grant', async () => {
  const d = await marked(RP, TYPE);
  const [grant] = await d.rows('SELECT id FROM trust_mark_grant');
  const steps = await plansOf(d, () => withdrawGrant(d.call, 'main', String(grant?.['id']), 'no longer certified'));
  expect(steps.filter(tooMuch)).toEqual([]);
});

it('so does the halt of an organization, whose members are found through it', async () => {
  const d = await marked(RP, TYPE);
  await d.admin('PATCH', `${A}/members/${of(RP)}`, { organization: 'Bank A' });
  const steps = await plansOf(d, async () => expect((await d.admin('POST', `${A}/organizations/${of('Bank A')}/halt`, { reason: 'fraud' })).status).toBe(200));
  expect(steps.filter(tooMuch)).toEqual([]);
});

it('the halt of an authority reads none of its members, marks and artefacts', async () => {
  const d = await marked(RP, TYPE);
  const steps = await plansOf(d, async () => expect((await d.admin('POST', `${A}/halt`, { reason: 'fraud' })).status).toBe(200));
  // What other authorities know that rests on it is found by it, and is evaluated anew.
  expect(steps.filter((step) => tooMuch(step) && !step.includes('snapshot_link'))).toEqual([]);
});

it('the check sees a statement that reads all of an authority', () => {
  expect(tooMuch('SEARCH artefact USING INDEX artefact_generation (authority_id=?)')).toBe(true);
  expect(tooMuch('SEARCH artefact USING INDEX artefact_place (authority_id=? AND kind=?)')).toBe(true);
  expect(tooMuch('SCAN trust_mark')).toBe(true);
  expect(tooMuch('SEARCH artefact USING INDEX artefact_member (member_id=?)')).toBe(false);
});

it('places of marks that have ended by time are found by their index, and passed on by place', async () => {
  const d = await marked(RP, TYPE);
  await d.admin('PATCH', `${A}/members/${of(RP)}`, { valid_until: d.clock + 100 });
  await backgroundTurn(d.deployment, { more: () => true });
  d.clock += 200;
  const steps = await plansOf(d, async () => expect(await passEndedPlaces(d.deployment, 500)).toBe(1), 5);
  expect(steps.filter(tooMuch)).toEqual([]);
  expect(steps.filter((step) => step.includes('artefact_mark_end'))).not.toEqual([]);
});
