import { describe, expect, it } from 'vitest';
import { NOW, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const X = 'https://x.example.org';
const Y = 'https://y.example.org';
const DAY = 86_400;

interface Told {
  readonly seq: number;
  readonly type: string;
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string | null };
  readonly actor: { readonly kind: string; readonly id: string; readonly name: string | null };
}

/** Two members of a bank, and a year in which three people suspend and resume. */
async function aYear() {
  const d = await testDeployment();
  const people: Record<string, string> = {};
  for (const name of ['night-shift', 'day-shift']) people[name] = (await d.admin('POST', '/api-keys', { name, role: 'operator' })).json.token;
  for (const id of [X, Y]) await d.admin('POST', `${A}/members`, { entity_id: id, jwks: (await testMember(id)).jwks, organization: 'Bank A', activate: true });
  const verb = (id: string, name: string, by: string | undefined, reason: string) =>
    d.admin('POST', `${A}/members/${encodeURIComponent(id)}/${name}`, { reason }, by === undefined ? {} : { token: people[by] as string });
  const at = async (day: number, ...what: Parameters<typeof verb>) => {
    d.clock = NOW + day * DAY;
    expect((await verb(...what)).status).toBe(200);
  };
  await at(10, X, 'suspend', 'day-shift', 'in winter');
  await at(11, X, 'resume', undefined, 'back');
  await at(70, X, 'suspend', 'night-shift', 'in March');
  await at(71, Y, 'suspend', 'day-shift', 'another one');
  await at(72, X, 'resume', undefined, 'back again');
  await at(130, X, 'suspend', 'day-shift', 'in May');
  const ask = async (query: Record<string, string> = {}, base = `${A}/events`) => {
    const { status, json } = await d.admin('GET', `${base}?${new URLSearchParams(query)}`);
    return { status, json, items: (json.items ?? []) as Told[], next: json.next_cursor as string | null };
  };
  return { d, ask, at };
}
const summary = (items: readonly Told[]) => items.map(({ type, subject, actor }) => `${type} ${subject.name} ${actor.name}`);

describe('the audit question', () => {
  it('one trail, asked in every way', async () => {
    const { d, ask } = await aYear();
    // Who suspended X in March is one request, answered with names.
    {
      const march = { since: String(NOW + 60 * DAY), until: String(NOW + 91 * DAY) };
      const { items } = await ask({ member: X, type: 'member.suspended', ...march });
      expect(summary(items)).toEqual([`member.suspended ${X} night-shift`]);
      expect(items[0]?.subject.id).toMatch(/^mem_/);
      expect(items[0]?.actor).toMatchObject({ kind: 'api_key', id: expect.stringMatching(/^api_/) });
    }
    // By actor, by name or id, by type, by subject under any of its names, all together.
    {
      const by = await ask({ actor: 'day-shift' });
      expect(summary(by.items)).toEqual([`member.suspended ${X} day-shift`, `member.suspended ${Y} day-shift`, `member.suspended ${X} day-shift`]);
      expect((await ask({ actor: by.items[0]?.actor.id ?? '' })).items).toEqual(by.items);
      expect(summary((await ask({ actor: 'day-shift', subject: Y })).items)).toEqual([`member.suspended ${Y} day-shift`]);
      expect(summary((await ask({ subject: 'Bank A' })).items)).toEqual(['organization.created Bank A first owner']);
      const types = await ask({ type: 'member.resumed,organization.created' });
      expect(new Set(types.items.map(({ type }) => type))).toEqual(new Set(['member.resumed', 'organization.created']));
      const own = await ask({ actor: 'system', type: 'authority.created' });
      expect(own.items.map(({ subject, actor }) => [subject.name, actor.name])).toEqual([['main', null]]);
    }
    // A time is since (inclusive) and until (exclusive); of a time without events nothing comes.
    {
      const seconds = (day: number) => String(NOW + day * DAY);
      expect((await ask({ since: seconds(70), until: seconds(71) })).items.map(({ type }) => type)).toContain('member.suspended');
      expect((await ask({ since: seconds(71), until: seconds(72), member: X })).items).toEqual([]);
      expect(await ask({ since: seconds(500) })).toMatchObject({ status: 200, items: [], next: null });
      expect((await ask({ since: '1e21' })).status).toBe(400);
      expect((await ask({ since: 'yesterday' })).status).toBe(400);
      expect((await ask({ since: String(NOW * 1000) })).status, 'milliseconds').toBe(400);
    }
    for (const order of ['oldest', 'newest'] as const) {
      const seen: number[] = [];
      let cursor: string | null = '';
      for (let pages = 0; cursor !== null && pages < 50; pages++) {
        const page = await ask({ order, limit: '3', ...(cursor && { cursor }) });
        seen.push(...page.items.map(({ seq }) => seq));
        cursor = page.next;
      }
      const all = Array.from({ length: seen.length }, (_, n) => n + 1);
      expect(seen.length).toBeGreaterThan(8);
      expect(seen).toEqual(order === 'oldest' ? all : all.reverse());
    }
    expect((await ask({ order: 'newest', limit: '1', cursor: '1' })).items).toEqual([]);
    expect((await ask({ cursor: 'abc' })).status).toBe(400);
    expect(await ask({ actor: 'nigth-shift' })).toMatchObject({
      status: 400,
      json: { code: 'invalid_request', detail: expect.stringContaining('no API key') },
    });
    expect((await ask({ member: 'https://nobody.example.org' })).status).toBe(404);
    for (const type of ['suspended', 'member.', "member.suspended' OR 1=1", Array.from({ length: 21 }, () => 'a.b').join(',')])
      expect((await ask({ type })).status, type).toBe(400);
    // The chain of the deployment says who made which key, and is the owner’s to read.
    {
      const { items } = await ask({ subject: 'night-shift', type: 'api_key.created' }, '/events');
      expect(items.map(({ subject, actor }) => [subject.name, actor.name])).toEqual([['night-shift', 'first owner']]);
      expect((await d.admin('GET', '/events', undefined, { token: await d.tokenFor('auditor') })).status).toBe(403);
      expect((await ask({}, `${A}/events`)).items[0]?.subject.name).toBe('main');
    }
  });
  it('a clock that went back loses no event: the order is that of the chain, the time is that of the event', async () => {
    const { d, ask, at } = await aYear();
    await at(20, Y, 'revoke', undefined, 'a cut, which no clock stops');
    expect(d.clock).toBe(NOW + 20 * DAY);
    const { items } = await ask({ since: String(NOW + 15 * DAY), until: String(NOW + 72 * DAY), type: 'member.suspended,member.revoked' });
    expect(items.map(({ type, subject }) => [type, subject.name])).toEqual([
      ['member.suspended', X],
      ['member.suspended', Y],
      ['member.revoked', Y],
    ]);
    const seqs = items.map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });
  it('names that several keys bear mean all of them; a hostile name is a name', async () => {
    const d = await testDeployment();
    const hostile = '%\'" OR 1=1';
    for (const [n, id] of [X, Y].entries()) {
      const { token } = (await d.admin('POST', '/api-keys', { name: hostile, role: 'owner' })).json;
      expect((await d.admin('POST', `${A}/members`, { entity_id: id, jwks: (await testMember(id)).jwks }, { token })).status, String(n)).toBe(201);
    }
    const { json } = await d.admin('GET', `${A}/events?${new URLSearchParams({ actor: hostile })}`);
    expect(new Set(json.items.map((one: Told) => one.actor.id)).size).toBe(2);
    expect(json.items.every((one: Told) => one.actor.name === hostile)).toBe(true);
  });
  it('the history of a member has names and halts of its organization, newest first when asked', async () => {
    const { d, ask } = await aYear();
    await d.admin('POST', `${A}/organizations/${encodeURIComponent('Bank A')}/halt`, { reason: 'licence' });
    const { items } = await ask({ order: 'newest', limit: '2' }, `${A}/members/${encodeURIComponent(Y)}/history`);
    expect(summary(items)).toEqual(['organization.halted Bank A first owner', `member.suspended ${Y} day-shift`]);
    expect(summary((await ask({ member: Y, order: 'newest', limit: '1' })).items)).toEqual(['organization.halted Bank A first owner']);
  });
});
