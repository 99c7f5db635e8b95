import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { createPublished, type ExtendedFilter } from '../../src/store/published.js';
import { NO_CACHE } from '../../src/store/published-cache.js';
import { platform } from '#test-platform';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const LEAF = 'https://leaf.example.com';
const M = `${A}/members/${encodeURIComponent(LEAF)}`;
const day = 86_400;

describe('extended listing (Implementer’s Draft)', () => {
  async function members(n: number) {
    const d = await testDeployment();
    const key = await testKey();
    for (let i = 0; i < n; i++) {
      d.clock = NOW + i;
      await d.admin('POST', `${A}/members`, {
        entity_id: `https://m${i}.example.com`,
        jwks: { keys: [key.jwk] },
        entity_types: [i % 2 ? 'openid_provider' : 'oauth_client'],
        activate: true,
      });
    }
    return d;
  }
  it('advertised, and paged: every subordinate once, in order', async () => {
    const d = await members(7);
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text)['metadata']).toMatchObject({
      federation_entity: { federation_extended_list_endpoint: `${ANCHOR}/extended-list` },
    });
    const seen: string[] = [];
    for (let from: string | undefined = ''; from !== undefined; ) {
      // Both names are answered and understood: Implementer's Draft 1 and draft -02.
      const name = seen.length % 2 ? 'from' : 'from_entity_id';
      const { status, json, headers } = await d.public(`/extended-list?limit=3${from && `&${name}=${encodeURIComponent(from)}`}`);
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
      seen.push(...json.immediate_subordinate_entities.map(({ id }: { id: string }) => id));
      expect(json.next).toBe(json.next_entity_id);
      from = json.next;
    }
    expect(seen).toEqual(Array.from({ length: 7 }, (_, n) => `https://m${n}.example.com`));
    for (const from of ['nonsense', '', '0', 'http://m1.example.com', 'https://m1.example.com#x', 'x'.repeat(3000)])
      expect(await d.public(`/extended-list?from=${encodeURIComponent(from)}`), from).toMatchObject({ status: 404, json: { error: 'page_not_found' } });
    const two = `from=${encodeURIComponent('https://m1.example.com')}&from_entity_id=${encodeURIComponent('https://m2.example.com')}`;
    expect((await d.public(`/extended-list?${two}`)).json.error, 'two places').toBe('invalid_request');
  });
  it('pages are stable while members come and go', async () => {
    const d = await members(6);
    const page = async (from: string) => (await d.public(`/extended-list?limit=2${from && `&from=${encodeURIComponent(from)}`}`)).json;
    const first = await page('');
    await d.admin('POST', `${A}/members/${encodeURIComponent(first.next)}/revoke`, { reason: 'x' });
    const key = await testKey();
    await d.admin('POST', `${A}/members`, { entity_id: 'https://m00.example.com', jwks: { keys: [key.jwk] }, activate: true });
    const second = await page(first.next);
    expect(second.immediate_subordinate_entities.map(({ id }: { id: string }) => id)).toEqual(['https://m3.example.com', 'https://m4.example.com']);
    expect((await page(second.next)).immediate_subordinate_entities).toHaveLength(1);
  });
  it('carries statements, single claims and times when asked; filters by change and by what the plain list filters', async () => {
    const d = await members(4);
    const ask = async (query: string) => (await d.public(`/extended-list?${query}`)).json.immediate_subordinate_entities;
    expect(await ask('')).toEqual(Array.from({ length: 4 }, (_, n) => ({ id: `https://m${n}.example.com` })));
    const [first] = await ask('claims=subordinate_statement&claims=jwks,exp&audit_timestamps=true');
    expect(first).toEqual({
      id: 'https://m0.example.com',
      registered: NOW,
      updated: NOW,
      subordinate_statement: (await d.public('/fetch?sub=https://m0.example.com')).text,
      jwks: expect.any(Object),
      exp: NOW + day,
    });
    const ids = async (query: string) => ((await ask(query)) as { id: string }[]).map(({ id }) => id.slice(8, 10));
    expect(await ids(`updated_after=${NOW + 2}`), 'at or after').toEqual(['m2', 'm3']);
    expect(await ids(`updated_after=${NOW + 1}&updated_before=${NOW + 2}`), 'at or before').toEqual(['m1', 'm2']);
    expect(await ids(`updated_after=${NOW + 1}.5`), 'a NumericDate may have a fraction').toEqual(['m2', 'm3']);
    expect(await ask(`updated_after=${NOW + 3}`), 'times go with a filter by time').toEqual([
      { id: 'https://m3.example.com', registered: NOW + 3, updated: NOW + 3 },
    ]);
    expect((await ask(`updated_before=${NOW}`))[0]).toHaveProperty('updated');
    expect((await ask(`updated_after=${NOW}&audit_timestamps=false`))[0]).toEqual({ id: 'https://m0.example.com' });
    expect(await ids('entity_type=openid_provider')).toEqual(['m1', 'm3']);
    await d.admin('POST', `${A}/members/${encodeURIComponent('https://m2.example.com')}/suspend`, { reason: 'x' });
    expect(await ids('from_entity_id=https://m2.example.com'), 'one that is gone breaks no reader').toEqual(['m3']);
  });
  it('limits and bad parameters', async () => {
    const d = await members(1);
    for (const query of [
      'limit=0',
      'limit=x',
      'limit=1.5',
      'limit=-1',
      'limit=1&limit=2',
      'updated_after=soon',
      'updated_before=-1',
      'updated_after=1e9',
      'updated_before=',
      'from_entity_id=x',
      'audit_timestamps=maybe',
      'intermediate=perhaps',
      `from_entity_id=${'x'.repeat(2049)}`,
    ])
      expect(await d.public(`/extended-list?${query}`), query).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect((await d.public('/extended-list?limit=100000')).status).toBe(200);
    d.clock = NOW + 2 * day;
    expect((await d.public('/extended-list?claims=subordinate_statement')).json.immediate_subordinate_entities, 'never an expired statement').toEqual([
      { id: 'https://m0.example.com' },
    ]);
  });
});

describe('extended listing: `updated` moves with whatever changes the statement', () => {
  async function world() {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    const [listed] = (await d.public('/extended-list?audit_timestamps=true')).json.immediate_subordinate_entities;
    const since = async (at: number) => (await d.public(`/extended-list?updated_after=${at}`)).json.immediate_subordinate_entities;
    return { d, since, before: listed.updated as number };
  }
  const changes: [string, (d: TestDeployment) => Promise<unknown>][] = [
    ['the member', (d) => d.admin('PATCH', M, { metadata: { openid_relying_party: { client_name: 'B' } } })],
    [
      'the policy and its constraints',
      async (d) => {
        await d.admin('POST', `${A}/policies`, { constraints: { max_path_length: 3 } });
        await d.admin('POST', `${A}/policies/1/publish`, {});
      },
    ],
    ['the lifetime', (d) => d.admin('PATCH', A, { statement_lifetime: 7200 })],
    ['where configurations lie', (d) => d.admin('PATCH', A, { ec_location: 'always' })],
    [
      'the signing key',
      async (d) => {
        const { kid } = (await d.admin('POST', `${A}/keys`, {})).json;
        await d.admin('POST', `${A}/keys/${kid}/activate`, { force: true, reason: 'x' });
      },
    ],
    [
      'a revoked key',
      async (d) => {
        const { kid } = (await d.admin('GET', `${A}/keys`)).json.items[0];
        await d.admin('POST', `${A}/keys/${kid}/revoke`, { reason: 'compromised' });
      },
    ],
  ];
  for (const [what, change] of changes)
    it(what, async () => {
      const { d, since, before } = await world();
      d.clock = NOW + 100;
      expect(await since(before + 1)).toEqual([]);
      await change(d);
      expect(await since(NOW + 100)).toMatchObject([{ id: LEAF, registered: NOW, updated: NOW + 100 }]);
      expect((await d.public(`/extended-list?updated_before=${NOW + 99}`)).json.immediate_subordinate_entities).toEqual([]);
    });
  it('once more when the last statement has been signed anew: a copy made in between is renewed', async () => {
    const { d, since } = await world();
    d.clock = NOW + 100;
    await d.admin('PATCH', A, { statement_lifetime: 7200 });
    d.clock = NOW + 130;
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await since(NOW + 101)).toMatchObject([{ id: LEAF, updated: NOW + 130 }]);
  });
  it('what only signs the configuration anew does not count', async () => {
    const { d, since } = await world();
    d.clock = NOW + 100;
    await d.admin('PATCH', A, { metadata: { federation_entity: { organization_name: 'A' } } });
    expect(await since(NOW + 1)).toEqual([]);
  });
  it('trust_mark_type given more than once: who bears all of them', async () => {
    const { d } = await world();
    const two = ['https://anchor.example.org/marks/one', 'https://anchor.example.org/marks/two'];
    for (const type of two) await d.admin('POST', `${A}/mark-types`, { trust_mark_type: type });
    const other = await testMember('https://other.example');
    await d.admin('POST', `${A}/members`, { entity_id: other.id, jwks: other.jwks, activate: true });
    const grant = (trust_mark_type: string, member: string) => d.admin('POST', `${A}/marks`, { trust_mark_type, member });
    for (const [type, id] of [
      [two[0], LEAF],
      [two[1], LEAF],
      [two[0], other.id],
    ] as [string, string][])
      expect((await grant(type, id)).status).toBe(201);
    const bearers = async (...types: string[]) =>
      (await d.public(`/extended-list?${types.map((one) => `trust_mark_type=${encodeURIComponent(one)}`).join('&')}`)).json.immediate_subordinate_entities.map(
        ({ id }: { id: string }) => id,
      );
    expect(await bearers(two[0] as string)).toEqual([LEAF, other.id]);
    expect(await bearers(...two)).toEqual([LEAF]);
    expect((await d.public(`/list?${two.map((one) => `trust_mark_type=${encodeURIComponent(one)}`).join('&')}`)).status, 'the plain list has one').toBe(400);
  });
  const BY_TIME = 'member_updated (authority_id=? AND state=? AND updated_at>?)';
  it('what changed since a moment is found by an index, whatever else is asked', async () => {
    const { d } = await world();
    const statements: string[] = [];
    const listing = createPublished((sql, params) => {
      let n = 0;
      statements.push(sql.replace(/\?/g, () => `'${String(params[n++])}'`));
      return sql.includes('statements_changed_at') ? [{ at: 500 }] : [];
    }, NO_CACHE);
    const filter: ExtendedFilter = {
      entityTypes: [],
      intermediate: false,
      trustMarked: false,
      trustMarkTypes: [],
      updatedAfter: undefined,
      updatedBefore: undefined,
    };
    const plan = async (more: Partial<ExtendedFilter>) => {
      statements.length = 0;
      await listing.extendedPage('aut_x', { ...filter, ...more }, 'https://m', 10, NOW);
      const asked = statements.length > 1 ? statements.at(-1) : undefined;
      if (asked === undefined) return 'nothing asked';
      // PostgreSQL decides by how many rows there are, which is none here.
      if (platform === 'postgres') return (await d.rows(`EXPLAIN ${asked}`)).length && /INDEXED BY \w+/.test(asked) ? BY_TIME : 'member_entity';
      return (await d.rows(`EXPLAIN QUERY PLAN ${asked}`)).map(({ detail }) => String(detail)).join('; ');
    };
    expect(await plan({})).toMatch(/member_listed|member_entity/);
    expect(await plan({ updatedAfter: 501 })).toContain(BY_TIME);
    expect(await plan({ updatedAfter: 501, entityTypes: ['oauth_client'] })).toContain('member_updated');
    expect(await plan({ updatedAfter: 500 }), 'everything has changed since: the list in its order').toMatch(/member_listed|member_entity/);
    expect(await plan({ updatedBefore: 499 }), 'everything is later').toBe('nothing asked');
  });
});

describe('pages of the extended listing are kept until something on them changes', () => {
  it('with an entity tag, for conditional requests; another page has another one', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks, activate: true });
    const first = await d.public('/extended-list');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const query of ['', '?audit_timestamps=false', '?entity_type=']) expect((await d.public(`/extended-list${query}`)).status).toBe(200);
    const again = await d.public('/extended-list', { headers: { 'if-none-match': etag } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    const claims = await d.public('/extended-list?claims=subordinate_statement', { headers: { 'if-none-match': etag } });
    expect(claims.status, 'which says something else').toBe(200);
    expect(claims.headers.get('etag')).not.toBe(etag);
  });
  it('what is on them: members that come, go and end, statements that are signed anew, withheld, or run out', async () => {
    const d = await testDeployment();
    const asked = ['', '?claims=subordinate_statement', '?audit_timestamps=true', '?claims=metadata&audit_timestamps=true', '?entity_type=openid_provider'];
    const pages = async () => Promise.all(asked.map(async (query) => (await d.public(`/extended-list${query}`)).text));
    let before = await pages();
    // What is kept is asked against an app that keeps nothing with each of these questions (hot-answers.ts).
    const changes = async (all: boolean, change: () => Promise<unknown>) => {
      await change();
      const after = await pages();
      expect(
        after.some((one, n) => one !== before[n]),
        String(change),
      ).toBe(all);
      before = after;
    };
    const { jwks } = await testMember(LEAF);
    const other = 'https://a.example.com';
    await changes(true, () => d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks, entity_types: ['openid_provider'], activate: true }));
    await changes(true, async () => d.admin('POST', `${A}/members`, { entity_id: other, jwks: (await testMember(other)).jwks, activate: true }));
    d.clock += 10;
    await changes(true, () => d.admin('PATCH', M, { metadata: { openid_provider: { client_name: 'x' } } }));
    await changes(true, async () => {
      await d.admin('POST', `${A}/policies`, { constraints: { max_path_length: 3 } });
      await d.admin('POST', `${A}/policies/1/publish`, {});
    });
    await changes(true, () => backgroundTurn(d.deployment, { more: () => true }));
    await changes(true, async () => {
      d.clock += 2 * day;
    });
    await changes(true, () => backgroundTurn(d.deployment, { more: () => true }));
    await changes(true, () => d.admin('POST', `${M}/suspend`, { reason: 'x' }));
    await changes(true, () => d.admin('POST', `${M}/resume`));
    await changes(true, () => d.admin('POST', `${A}/members/${encodeURIComponent(other)}/revoke`, { reason: 'x' }));
    await changes(false, () => d.admin('POST', '/authorities', { slug: 'elsewhere', entity_id: 'https://elsewhere.example.org' }));
  });
});
