import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { crawlSlice } from '../../src/operations/resolving/crawl.js';
import { LISTING_EVERY, lookAtListings } from '../../src/operations/resolving/look-at-listings.js';
import { ANCHOR, NOW, type TestDeployment, type TestMember, testDeployment, testMember } from '../support/deployment.js';
import { type TestKey, testKey } from '../support/keys.js';

const A = '/authorities/main';
const INTER = 'https://inter.example.net';
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const about = (superior: string, id: string) => `${superior}/fetch?sub=${encodeURIComponent(id)}`;
const day = 86_400;
const times = { iat: NOW - 10, exp: NOW + 3 * day };

interface Superior {
  readonly member: TestMember;
  /** It states and lists these, and nobody else. */
  lists(...ids: readonly string[]): void;
}

/** A federation on a pretended network, below an authority of ours that has not crawled anything. */
async function world() {
  const d = await testDeployment();
  const shared = await testKey();
  /** @param list where it lists; undefined: nowhere */
  async function superior(id: string, above = ANCHOR, list: string | undefined = `${id}/list`): Promise<Superior> {
    const member = await testMember(id);
    const endpoints = { federation_fetch_endpoint: `${id}/fetch`, ...(list !== undefined && { federation_list_endpoint: list }) };
    d.network.set(wellKnown(id), await member.configuration({ ...times, authority_hints: [above], metadata: { federation_entity: endpoints } }));
    return { member, lists: (...ids) => void (list !== undefined && d.network.set(list, JSON.stringify(ids))) };
  }
  async function leaf(id: string, above: Superior, key: TestKey = shared): Promise<string> {
    const one = await testMember(id, key);
    d.network.set(wellKnown(id), await one.configuration({ ...times, authority_hints: [above.member.id] }));
    return states(above, one);
  }
  async function states(above: Superior, { id, jwks }: TestMember): Promise<string> {
    d.network.set(about(above.member.id, id), await above.member.key.jwt({ iss: above.member.id, sub: id, ...times, jwks } as never));
    return id;
  }
  const enroll = async ({ member }: Superior, more: object = {}) => {
    const { status, text } = await d.admin('POST', `${A}/members`, { entity_id: member.id, jwks: member.jwks, intermediate: true, activate: true, ...more });
    expect(status, text).toBe(201);
  };
  return { d, superior, leaf, states, enroll };
}
const turn = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });
const turns = async (d: TestDeployment, n: number) => {
  for (let done = 0; done < n; done++) await turn(d);
};
const resolved = async (d: TestDeployment, id: string) => (await d.public(`/resolve?sub=${encodeURIComponent(id)}&trust_anchor=${ANCHOR}`)).status;
const later = (d: TestDeployment, seconds: number) => {
  d.clock += seconds;
};
const lookedAt = (d: TestDeployment, url = `${INTER}/list`) => d.asked.filter((one) => one === url).length;
const known = async (d: TestDeployment) => (await d.rows('SELECT entity_id AS id FROM known_entity ORDER BY entity_id')).map(({ id }) => String(id));
const listing = async (d: TestDeployment) => (await d.rows('SELECT * FROM superior_listing'))[0] as Record<string, unknown>;

/** An intermediate with one leaf that resolves. */
async function settledWorld() {
  const w = await world();
  const inter = await w.superior(INTER);
  const leaf = await w.leaf('https://leaf.example.net', inter);
  inter.lists(leaf);
  await w.enroll(inter);
  await turns(w.d, 2);
  expect(await resolved(w.d, leaf)).toBe(200);
  return { ...w, inter, leaf, addLeaf: w.leaf };
}

describe('a resolver sees what lies below an intermediate without being told to crawl', () => {
  it('enrolled, two levels deep: every leaf resolves after a few turns, and no crawl was made', async () => {
    const { d, superior, leaf, states, enroll } = await world();
    const inter = await superior(INTER);
    const deeper = await superior('https://deeper.example.net', INTER);
    await states(inter, deeper.member);
    const leaves = [await leaf('https://one.example.net', inter), await leaf('https://two.example.net', deeper)];
    inter.lists(leaves[0] as string, deeper.member.id);
    deeper.lists(leaves[1] as string);
    await enroll(inter);
    await turns(d, 3);
    expect(await Promise.all(leaves.map((id) => resolved(d, id)))).toEqual([200, 200]);
    expect(await d.rows("SELECT id FROM job WHERE kind = 'crawl'")).toEqual([]);
  });
  it('activated later and resumed: each of them makes it due in its own commit', async () => {
    const { d, superior, leaf, enroll } = await world();
    const inter = await superior(INTER);
    const one = await leaf('https://leaf.example.net', inter);
    inter.lists(one);
    const move = (verb: string) => d.admin('POST', `${A}/members/${encodeURIComponent(INTER)}/${verb}`, verb === 'suspend' ? { reason: 'test' } : {});
    await enroll(inter, { activate: false });
    await turns(d, 2);
    expect([await resolved(d, one), lookedAt(d)]).toEqual([404, 0]);
    for (const verb of ['take', 'approve', 'activate']) await move(verb);
    await turns(d, 2);
    expect(await resolved(d, one)).toBe(200);
    expect((await move('suspend')).status).toBe(200);
    expect(await resolved(d, one), 'at once').toBe(404);
    await turns(d, 2);
    const resumed = await move('resume');
    expect(resumed.status, resumed.text).toBe(200);
    await turns(d, 2);
    expect(await resolved(d, one)).toBe(200);
  });
  it('many imported at once: one turn makes them known, and their leaves follow within the bounds', async () => {
    const { d, superior, leaf } = await world();
    const all = await Promise.all(Array.from({ length: 12 }, (_, n) => superior(`https://inter${n}.example.net`)));
    const leaves = await Promise.all(all.map((one, n) => leaf(`https://leaf${n}.example.net`, one)));
    for (const [n, one] of all.entries()) one.lists(leaves[n] as string);
    const job = (await d.admin('POST', `${A}/imports`, {})).json;
    const lines = all.map(({ member }) => JSON.stringify({ entity_id: member.id, jwks: member.jwks, intermediate: true, activate: true })).join('\n');
    const imported = await d.admin('POST', `${A}/imports/${job.id}/lines?first_line=1`, lines, { headers: { 'content-type': 'application/x-ndjson' } });
    expect(imported.json, imported.text).toMatchObject({ refused: 0 });
    await turns(d, 3);
    expect(await Promise.all(leaves.map((id) => resolved(d, id)))).toEqual(leaves.map(() => 200));
  });
  it('an intermediate that is changed is evaluated, and its list looked at soon, though nothing was due', async () => {
    const { d, inter, leaf } = await settledWorld();
    const second = 'https://second.example.net';
    later(d, 61);
    inter.lists(leaf, second);
    const before = lookedAt(d);
    await turn(d);
    expect(lookedAt(d), 'not due by itself').toBe(before);
    expect((await d.admin('PATCH', `${A}/members/${encodeURIComponent(INTER)}`, { statement_lifetime: 7200 })).status).toBe(200);
    await turn(d);
    expect([lookedAt(d), (await known(d)).includes(second)]).toEqual([before + 1, true]);
  });
  it('an authority of this deployment below another: its members are known above with the commit that enrols them, and nobody is asked for a list', async () => {
    const { d } = await world();
    const BELOW = 'https://below.example.org';
    await d.admin('POST', '/authorities', { slug: 'below', entity_id: BELOW, authority_hints: [ANCHOR] });
    const jwks = decodeJwt((await d.public(wellKnown(BELOW))).text)['jwks'];
    expect((await d.admin('POST', `${A}/members`, { entity_id: BELOW, jwks, intermediate: true, activate: true })).status).toBe(201);
    await turns(d, 3);
    const leaf = await testMember('https://leaf.example.com');
    d.network.set(wellKnown(leaf.id), await leaf.configuration({ authority_hints: [BELOW] }));
    expect((await d.admin('POST', '/authorities/below/members', { entity_id: leaf.id, jwks: leaf.jwks, activate: true })).status).toBe(201);
    expect(await d.rows(`SELECT entity_id FROM superior_listing WHERE due_at <= ${d.clock}`)).toEqual([{ entity_id: BELOW }]);
    await turn(d);
    expect(await resolved(d, leaf.id)).toBe(200);
    expect([...new Set(d.asked)]).toEqual([wellKnown(leaf.id)]);
    expect((await d.admin('POST', `/authorities/below/members/${encodeURIComponent(leaf.id)}/suspend`, { reason: 'test' })).status).toBe(200);
    expect(await resolved(d, leaf.id)).toBe(404);
    await turn(d);
    expect(await d.rows('SELECT entity_id FROM listed_entity')).toEqual([]);
  });
});

describe('the listings of superiors are looked at every few minutes', () => {
  it('by entity tag: a new one resolves after the next look, and what has not changed is not read again', async () => {
    const { d, inter, leaf, addLeaf } = await settledWorld();
    d.etags.set(`${INTER}/list`, '"first"');
    later(d, 2 * LISTING_EVERY);
    await turn(d);
    expect(await listing(d)).toMatchObject({ etag: '"first"', failures: 0, problem: null });
    const second = await addLeaf('https://second.example.net', inter);
    inter.lists(leaf, second);
    d.etags.set(`${INTER}/list`, '"now"');
    later(d, 2 * LISTING_EVERY);
    await turn(d);
    expect(await resolved(d, second)).toBe(200);
    expect(await listing(d)).toMatchObject({ etag: '"now"', changed_at: d.clock });
    const auditor = await d.tokenFor('auditor');
    const shown = await d.admin('GET', '/authorities/main/listings?limit=1', undefined, { token: auditor });
    expect(shown.json).toMatchObject({
      items: [{ entity_id: INTER, state: 'ok', etag: '"now"', listed: 2, checked_at: d.clock, changed_at: d.clock }],
      next_cursor: null,
    });
    // Under the same entity tag nothing has changed, whatever there is.
    inter.lists();
    later(d, 2 * LISTING_EVERY);
    await turn(d);
    expect(await d.rows('SELECT entity_id FROM listed_entity')).toHaveLength(2);
    d.etags.set(`${INTER}/list`, '"second"');
    later(d, 2 * LISTING_EVERY);
    await turn(d);
    expect(await d.rows('SELECT entity_id FROM listed_entity')).toEqual([]);
  });
  it('not sooner than that; and never of a superior that is not trusted', async () => {
    const { d, inter, leaf } = await settledWorld();
    const before = lookedAt(d);
    later(d, LISTING_EVERY - 1);
    await turns(d, 3);
    expect(lookedAt(d)).toBe(before);
    const evil = await testMember('https://evil.example.net');
    const metadata = { federation_entity: { federation_fetch_endpoint: `${evil.id}/fetch`, federation_list_endpoint: `${evil.id}/list` } };
    d.network.set(wellKnown(evil.id), await evil.configuration({ authority_hints: [INTER], metadata }));
    d.network.set(`${evil.id}/list`, JSON.stringify(['https://victim.example']));
    inter.lists(leaf, evil.id);
    later(d, LISTING_EVERY);
    await turns(d, 3);
    expect(lookedAt(d)).toBe(before + 1);
    expect([(await known(d)).includes(evil.id), lookedAt(d, `${evil.id}/list`), (await known(d)).some((id) => id.includes('victim'))]).toEqual([
      true,
      0,
      false,
    ]);
  });
  it.each([
    ['nobody answers', undefined],
    ['no JSON', 'rubbish'],
  ])('one that fails (%s) is asked with growing distance, takes nothing away, and is read again once it answers', async (_, body) => {
    const { d, inter, leaf } = await settledWorld();
    if (body === undefined) d.network.delete(`${INTER}/list`);
    else d.network.set(`${INTER}/list`, body);
    const gaps: number[] = [];
    for (let last = d.clock; gaps.length < 4; last = d.clock) {
      d.clock = Number((await listing(d))['due_at']);
      await turn(d);
      gaps.push(d.clock - last);
    }
    expect(gaps.slice(1), 'twice as long each time').toEqual([2, 4, 8].map((n) => n * LISTING_EVERY));
    expect(await resolved(d, leaf)).toBe(200);
    expect((await listing(d))['problem']).toMatch(/: /);
    const shown = await d.admin('GET', '/authorities/main/listings');
    expect(shown.json.items).toMatchObject([
      {
        entity_id: INTER,
        url: `${INTER}/list`,
        state: 'failing',
        failures: 4,
        listed: 1,
        problem: (await listing(d))['problem'],
        checked_at: d.clock,
        due_at: (await listing(d))['due_at'],
      },
    ]);
    inter.lists(leaf, 'https://second.example.net');
    d.clock = Number((await listing(d))['due_at']);
    await turn(d);
    expect(await listing(d)).toMatchObject({ failures: 0, problem: null });
    expect(await known(d)).toContain('https://second.example.net');
  });
  it('§18.1: of one host a few each turn; a thousand superiors of one host do not hold up another', async () => {
    const { d, inter, leaf } = await settledWorld();
    const [row] = await d.rows('SELECT authority_id FROM superior_listing');
    const authority = String(row?.['authority_id']);
    for (let n = 0; n < 40; n++) {
      const id = `https://many.example/${n}`;
      await d.execute(
        `INSERT INTO superior_listing (authority_id, entity_id, url, host, due_at) VALUES ('${authority}', '${id}', '${id}/list', 'many.example', 1)`,
      );
      await d.execute(
        `INSERT INTO snapshot (authority_id, subject, trust_anchor, state, entity_types, path, trust_mark_types, findings, exp, evaluated_at)
         VALUES ('${authority}', '${id}', '${ANCHOR}', 'valid', '[]', '[]', '[]', '[]', ${NOW + day}, ${NOW})`,
      );
    }
    inter.lists(leaf, 'https://second.example.net');
    later(d, 2 * LISTING_EVERY);
    expect(await lookAtListings(d.deployment)).toBe(5);
    expect(await known(d)).toContain('https://second.example.net');
    expect(d.asked.filter((url) => url.startsWith('https://many.example/'))).toHaveLength(4);
  });
  it('§18.1: a listing that changes all the time leaves nothing behind of those who never had a chain', async () => {
    const { d, inter, leaf } = await settledWorld();
    for (let round = 0; round < 3; round++) {
      inter.lists(leaf, ...Array.from({ length: 500 }, (_, n) => `https://n${n}.round${round}.example.net`));
      later(d, 2 * LISTING_EVERY);
      await lookAtListings(d.deployment);
      expect(await known(d)).toHaveLength(502);
    }
    expect(await resolved(d, leaf)).toBe(200);
  });
  it('a crawl that read the list before it changed does not forget who came meanwhile', async () => {
    const { d, inter, leaf, addLeaf } = await settledWorld();
    expect((await d.admin('POST', `${A}/crawls`, {})).status).toBe(201);
    for (let n = 0; n < 2; n++) await crawlSlice(d.deployment, { limit: 1 });
    const second = await addLeaf('https://second.example.net', inter);
    inter.lists(leaf, second);
    later(d, 2 * LISTING_EVERY);
    await lookAtListings(d.deployment);
    while ((await crawlSlice(d.deployment)) > 0);
    await turn(d);
    expect(await resolved(d, second)).toBe(200);
  });
});

describe('a suspension elsewhere reaches the stored answers as soon as it is seen', () => {
  it('no longer listed and no longer stated: the answer goes with the next look at the list, long before its end', async () => {
    const { d, inter, leaf } = await settledWorld();
    d.network.set(about(INTER, leaf), 'not found');
    inter.lists();
    later(d, LISTING_EVERY - 1);
    await turn(d);
    expect(await resolved(d, leaf), 'nobody has seen it').toBe(200);
    later(d, LISTING_EVERY);
    await turn(d);
    expect(await resolved(d, leaf)).not.toBe(200);
  });
  it('a listing is nobody’s statement: who is listed no more and stated still goes on resolving', async () => {
    const { d, inter, leaf } = await settledWorld();
    inter.lists();
    later(d, 2 * LISTING_EVERY);
    const asked = d.asked.length;
    await turn(d);
    expect([await resolved(d, leaf), d.asked.slice(asked).includes(about(INTER, leaf))], 'asked, and stated').toEqual([200, true]);
  });
  it('an intermediate that its own superior denies: what rests on it waits from that moment, and goes', async () => {
    const { d, superior, leaf, states, enroll } = await world();
    const inter = await superior(INTER);
    const deeper = await superior('https://deeper.example.net', INTER);
    await states(inter, deeper.member);
    const below = await leaf('https://below.example.net', deeper);
    inter.lists(deeper.member.id);
    deeper.lists(below);
    await enroll(inter);
    await turns(d, 3);
    expect(await resolved(d, below)).toBe(200);
    d.network.set(about(INTER, deeper.member.id), 'not found');
    const evaluate = await d.admin('POST', `${A}/entities/${encodeURIComponent(deeper.member.id)}/evaluate`);
    expect(evaluate.status, evaluate.text).toBe(200);
    expect(await resolved(d, below), 'held back').toBe(503);
    await turn(d);
    expect(await resolved(d, below)).not.toBe(200);
    expect(await d.rows(`SELECT entity_id FROM superior_listing WHERE entity_id = '${deeper.member.id}'`), 'nobody asks it any more').toEqual([]);
  });
  it('a superior that only cannot be reached loses nothing, and neither do those below it', async () => {
    const { d, leaf } = await settledWorld();
    d.network.delete(wellKnown(INTER));
    later(d, 2 * LISTING_EVERY);
    const evaluate = await d.admin('POST', `${A}/entities/${encodeURIComponent(INTER)}/evaluate`);
    expect(evaluate.status, evaluate.text).toBe(200);
    await turn(d);
    expect([await resolved(d, leaf), (await listing(d))['entity_id']]).toEqual([200, INTER]);
  });
});
