import { beforeAll, describe, expect, it } from 'vitest';
import { withinBudget } from '../../src/outbound/budget.js';
import { type BudgetLimits, createBudget } from '../../src/outbound/evaluation-budget.js';
import type { Outbound } from '../../src/outbound/outbound.js';
import { withLocation } from '../../src/resolver/ec-location.js';
import { evaluate } from '../../src/resolver/evaluate.js';
import type { StatementSource } from '../../src/resolver/source.js';
import { NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const UP = 'https://up.example';
const ONE = 'https://one.example';
const OTHERS = ['https://a.example', 'https://b.example', 'https://c.example'];
const PLACE = 'https://cdn.example/one';
const times = { iat: NOW - 10, exp: NOW + 3600 };

let keys: { readonly up: TestKey; readonly one: TestKey };
let above: string;
let about: string;
let own: string;
beforeAll(async () => {
  keys = { up: await testKey(), one: await testKey() };
  const metadata = { federation_entity: { federation_fetch_endpoint: `${UP}/fetch`, federation_list_endpoint: `${UP}/list` } };
  above = await keys.up.jwt({ iss: UP, sub: UP, ...times, jwks: { keys: [keys.up.jwk] }, metadata });
  about = await keys.up.jwt({ iss: UP, sub: ONE, ...times, jwks: { keys: [keys.one.jwk] }, ec_location: PLACE });
  own = await keys.one.jwt({ iss: ONE, sub: ONE, ...times, jwks: { keys: [keys.one.jwk] }, authority_hints: [UP], metadata: { oauth_client: {} } });
});

/** Every question that went out, in order. */
async function located(limits: BudgetLimits, superiors: readonly string[] = [UP]) {
  const asked: string[] = [];
  const give = (what: string, value: string | undefined) => {
    asked.push(what);
    return value === undefined
      ? { ok: false as const, findings: [{ code: 'fetch_failed' as const, where: what, clause: '', detail: 'nobody answers', fix: '', transient: true }] }
      : { ok: true as const, value };
  };
  const source: StatementSource = {
    configuration: async (id) => give(id, id === UP ? above : undefined),
    statement: async ({ entityId }, subject) => give(`${entityId} about ${subject}`, entityId === UP ? about : undefined),
  };
  const budget = createBudget(() => 0, limits);
  const door: Outbound = {
    get: async ({ url }) => {
      const reply = give(url, url === PLACE ? own : undefined);
      return reply.ok ? { ok: true, value: { url, body: reply.value } } : reply;
    },
    post: () => Promise.reject(new Error('nothing is posted')),
  };
  const evaluation = await evaluate(ONE, {
    source,
    locate: (paid) => withLocation(paid, withinBudget(door, budget), { subject: ONE, superiors, now: NOW, development: false, budget }),
    anchors: { [UP]: { keys: [keys.up.jwk] } },
    now: NOW,
    budget,
    active: () => Promise.reject(new Error('there is no mark')),
  });
  return { asked, left: budget.fetches, state: evaluation.under.get(UP)?.state };
}

describe('where a configuration lies is asked within the budget of the evaluation (§18.1)', () => {
  it('each question once, each paid once', async () => {
    const { asked, left, state } = await located({ fetches: 10 });
    expect(asked).toEqual([UP, `${UP} about ${ONE}`, PLACE]);
    expect([state, left]).toEqual(['valid', 10 - asked.length]);
  });
  it.each([0, 1, 2, 3, 4])('with %d fetches no more than that go out, and fewer than it takes are no verdict', async (fetches) => {
    const { asked, left, state } = await located({ fetches });
    expect(asked).toHaveLength(Math.min(3, fetches));
    expect([left, state === 'valid']).toEqual([fetches - asked.length, fetches >= 3]);
  });
  it('superiors that do not answer cost what they are asked', async () => {
    const { asked, left, state } = await located({ fetches: 10 }, [...OTHERS, UP]);
    expect(asked.slice(0, 4)).toEqual([...OTHERS, UP]);
    expect([state, left]).toEqual(['valid', 10 - asked.length]);
    expect((await located({ fetches: 3 }, [...OTHERS, UP])).asked).toEqual(OTHERS);
  });
  it('bytes count as well: nothing more is read once they are used up', async () => {
    expect((await located({ bytes: above.length })).asked).toEqual([UP]);
    expect((await located({ bytes: above.length + 1 })).asked).toEqual([UP, `${UP} about ${ONE}`]);
    expect((await located({ bytes: above.length + about.length + 1 })).state).toBe('valid');
  });
  it('one question at a time is enough', async () => expect((await located({ parallel: 1 })).state).toBe('valid'));
});
