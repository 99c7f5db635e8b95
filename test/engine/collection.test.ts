import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const [INTER, LEAF, RP, OTHER] = ['https://inter.example.net', 'https://leaf.example.net', 'https://rp.example.com', 'https://z.example.com'];
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const at = (id: string, verb = '') => `${A}/members/${encodeURIComponent(id)}${verb}`;
const day = 86_400;
const TYPE = `${ANCHOR}/marks/certified`;

const ok = async (asked: ReturnType<TestDeployment['admin']>) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.json;
};
const ask = async (d: TestDeployment, query = '') => (await d.public(`/collection${query && `?${query}`}`)).json;
const ids = async (d: TestDeployment, query = '') => ((await ask(d, query)).entities as { entity_id: string }[]).map(({ entity_id }) => entity_id);
const turn = async (d: TestDeployment, n = 2) => {
  for (let done = 0; done < n; done++) await discoveryTurn(d.deployment, { more: () => true });
};

/** The anchor has a client with a mark, one that never answers, and an intermediate with a leaf below. */
async function federation() {
  const d = await testDeployment({ entityCollection: true });
  const [rp, inter, leaf, other] = await Promise.all([RP, INTER, LEAF, OTHER].map((id) => testMember(id)));
  if (!rp || !inter || !leaf || !other) throw new Error('four');
  const times = { iat: NOW - 10, exp: NOW + 3 * day };
  const hostile = { client_name: 'Pay\u202eLa\u200b', 'client_name#de': 'Zahlung', logo_uri: 'javascript:alert(1)', policy_uri: `${RP}/policy` };
  const client = { redirect_uris: [`${RP}/cb`], jwks_uri: `${RP}/jwks`, ...hostile };
  for (const [id, of] of [
    [INTER, inter],
    [OTHER, other],
  ] as const)
    await ok(
      d.admin('POST', `${A}/members`, {
        entity_id: id,
        jwks: of.jwks,
        intermediate: id === INTER,
        entity_types: [id === INTER ? 'federation_entity' : 'oauth_client'],
        ...(id === OTHER && { metadata: { oauth_client: { display_name: 'Declared above' } } }),
        organization: `Org of ${id}`,
        activate: true,
      }),
    );
  await ok(d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], organization: 'Acme', activate: true }));
  await ok(d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE }));
  const { trust_mark } = await ok(d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP }));
  await ok(d.admin('PATCH', A, { claims: { trust_mark_issuers: { [TYPE]: [ANCHOR] } } }));
  d.network.set(
    wellKnown(RP),
    await rp.configuration({ ...times, metadata: { openid_relying_party: client }, trust_marks: [{ trust_mark_type: TYPE, trust_mark }] }),
  );
  const endpoints = { federation_fetch_endpoint: `${INTER}/fetch`, federation_list_endpoint: `${INTER}/list`, organization_name: 'Inter' };
  d.network.set(wellKnown(INTER), await inter.configuration({ ...times, metadata: { federation_entity: endpoints } }));
  d.network.set(`${INTER}/list`, JSON.stringify([LEAF]));
  d.network.set(`${INTER}/fetch?sub=${encodeURIComponent(LEAF)}`, await inter.key.jwt({ iss: INTER, sub: LEAF, ...times, jwks: leaf.jwks } as never));
  const leafConfiguration = await leaf.configuration({
    ...times,
    authority_hints: [INTER],
    metadata: { oauth_resource: { resource: LEAF, resource_name: 'Weather API', keywords: ['Wetter'] } },
  });
  d.network.set(wellKnown(LEAF), leafConfiguration);
  await turn(d, 3);
  return d;
}

/** Filters, claims and pages: types, verified marks, text, anchor; what it cannot do is said (ER-02, ER-04). */
async function filters(d: TestDeployment) {
  expect(await ids(d, 'entity_type=oauth_client&entity_type=oauth_resource')).toEqual([LEAF, OTHER]);
  expect(await ids(d, `trust_mark_type=${TYPE}`)).toEqual([RP]);
  expect(await ids(d, `trust_mark_type=${TYPE}&trust_mark_type=https://x.example/t`), 'all of them').toEqual([]);
  for (const [query, found] of [
    ['WEATHER', [LEAF]],
    ['wetter', [LEAF]],
    ['zahlung', [RP]],
    ['example.net', [INTER, LEAF]],
    ['policy', []],
    ['%', []],
    ["' OR 1=1 --", []],
  ] as const)
    expect(await ids(d, `query=${encodeURIComponent(query)}`), query).toEqual(found);
  expect((await ask(d, 'entity_type=openid_relying_party&ui_claims=display_name%23de&entity_claims=ui_infos')).entities).toEqual([
    { entity_id: RP, ui_infos: { openid_relying_party: { 'display_name#de': 'Zahlung' } } },
  ]);
  expect((await ask(d, 'query=weather&entity_claims=entity_id')).entities).toEqual([{ entity_id: LEAF }]);
  expect((await ask(d, 'query=weather&ui_claims=keywords,logo_uri&entity_claims=')).entities).toEqual([
    { entity_id: LEAF, entity_types: ['oauth_resource'], ui_infos: { oauth_resource: { keywords: ['Wetter'] } } },
  ]);
  expect(await ids(d, `trust_anchor=${ANCHOR}&unknown=1&from=x`)).toHaveLength(4);
  const long = 'x'.repeat(2100);
  for (const [query, error] of [
    ['trust_anchor=https://foreign.example', 'invalid_trust_anchor'],
    ['trust_anchor=nonsense', 'invalid_trust_anchor'],
    [`trust_anchor=${ANCHOR}&trust_anchor=${ANCHOR}`, 'invalid_request'],
    ['entity_claims=trust_marks', 'unsupported_parameter'],
    ['ui_claims=contacts', 'unsupported_parameter'],
    ['ui_claims=__proto__', 'unsupported_parameter'],
    ['limit=0', 'invalid_request'],
    ['limit=-1', 'invalid_request'],
    ['limit=1e3', 'invalid_request'],
    ['limit=1&limit=2', 'invalid_request'],
    ['from_entity_id=nonsense', 'invalid_request'],
    ['from_entity_id=https://nobody.example', 'entity_id_not_found'],
    [`query=${'q'.repeat(201)}`, 'invalid_request'],
    [`entity_type=${long}`, 'invalid_request'],
    [Array.from({ length: 21 }, (_, n) => `trust_mark_type=https://t.example/${n}`).join('&'), 'invalid_request'],
    [`ui_claims=${Array.from({ length: 51 }, (_, n) => `display_name%23x${n}`).join(',')}`, 'invalid_request'],
  ] as const) {
    const { status, json, headers } = await d.public(`/collection?${query}`);
    expect([json.error, status, headers.get('cache-control')], query).toEqual([
      error,
      error.startsWith('invalid_r') || error.startsWith('un') ? 400 : 404,
      'no-store',
    ]);
    expect(json.error_description).toBeTruthy();
  }
  // Everybody once and in order.
  const seen: string[] = [];
  for (let from: string | undefined = ''; from !== undefined; ) {
    const page = await ask(d, `limit=1${from && `&from_entity_id=${encodeURIComponent(from)}`}`);
    seen.push(...page.entities.map(({ entity_id }: { entity_id: string }) => entity_id));
    from = page.next_entity_id;
  }
  expect(seen).toEqual([INTER, LEAF, RP, OTHER]);
  expect((await ask(d, 'limit=1&entity_type=openid_relying_party')).next_entity_id, 'nobody else passes').toBeUndefined();
}

/** A mark that is withdrawn counts no more; a cell that cannot be read shows nothing of that one and everybody else. */
async function damaged(d: TestDeployment) {
  // The answer to resolve ended with what a mark rests on.
  await d.execute(`UPDATE artefact SET cap = ${NOW - 1} WHERE kind = 'resolve' AND key = '${RP}'`);
  expect([await ids(d, `trust_mark_type=${TYPE}`), await ids(d)]).toEqual([[], [INTER, LEAF, RP, OTHER]]);
  await d.execute(`UPDATE artefact SET cap = NULL WHERE kind = 'resolve' AND key = '${RP}'`);
  const [grant] = await d.rows('SELECT id FROM trust_mark_grant');
  await ok(d.admin('POST', `${A}/marks/${String(grant?.['id'])}/withdraw`, { reason: 'x' }));
  expect([await ids(d, `trust_mark_type=${TYPE}`), await ids(d)]).toEqual([[], [INTER, LEAF, RP, OTHER]]);
  await d.execute(`UPDATE snapshot SET ui_infos = '{broken', entity_types = '[' WHERE subject = '${LEAF}'`);
  await d.execute(`UPDATE member SET metadata = 'x' WHERE entity_id = '${OTHER}'`);
  expect((await ask(d, 'entity_claims=ui_infos')).entities.map((one: object) => Object.keys(one).length)).toEqual([2, 1, 2, 1]);
  // What is JSON and of another shape.
  for (const damage of [
    `UPDATE snapshot SET ui_infos = '{"oauth_resource":null}', entity_types = '[{"toString":1}]', trust_mark_types = '{}' WHERE subject = '${LEAF}'`,
    `UPDATE member SET metadata = '[]', vouched_issuers = '[null, 1]', entity_types = '[null]' WHERE entity_id = '${OTHER}'`,
  ])
    await d.execute(damage);
  expect(await ids(d, 'query=example'), 'each is found by its identifier').toEqual([INTER, LEAF, RP, OTHER]);
}

describe('Entity Collection Endpoint 1.0 draft 00', () => {
  it('advertised and there when it is switched on alone; whoever is in force here and below, with what a person is shown; filters, claims and pages (ER-02, ER-04); damaged cells', async () => {
    const d = await federation();
    const { status, headers, json, text } = await d.public('/collection');
    expect([status, headers.get('content-type'), headers.get('cache-control'), headers.get('access-control-allow-origin')]).toEqual([
      200,
      'application/json',
      'public, max-age=5',
      '*',
    ]);
    expect(json).toEqual({
      entities: [
        { entity_id: INTER, entity_types: ['federation_entity'], ui_infos: { federation_entity: { organization_name: 'Inter' } } },
        { entity_id: LEAF, entity_types: ['oauth_resource'], ui_infos: { oauth_resource: { display_name: 'Weather API', keywords: ['Wetter'] } } },
        {
          entity_id: RP,
          entity_types: ['openid_relying_party'],
          ui_infos: { openid_relying_party: { display_name: 'PayLa', 'display_name#de': 'Zahlung', policy_uri: `${RP}/policy` } },
        },
        { entity_id: OTHER, entity_types: ['oauth_client'], ui_infos: { oauth_client: { display_name: 'Declared above' } } },
      ],
      last_updated: NOW,
    });
    const tag = headers.get('etag') ?? '';
    expect((await d.public('/collection', { headers: { 'if-none-match': `W/${tag}` } })).status).toBe(304);
    expect((await d.public('/collection', { method: 'HEAD' })).text).toBe('');
    expect(await d.public('/collection', { method: 'POST', body: 'limit=1' })).toMatchObject({ status: 405, json: { error: 'invalid_request' } });
    const advertised = async () => {
      const metadata = decodeJwt((await d.public('/.well-known/openid-federation')).text)['metadata'] as Record<string, Record<string, unknown>>;
      return metadata['federation_entity']?.['federation_collection_endpoint'];
    };
    expect(await advertised()).toBe(`${ANCHOR}/collection`);
    await ok(d.admin('PATCH', A, { entity_collection: false }));
    expect([await advertised(), (await d.public('/collection')).status]).toEqual([undefined, 404]);
    await ok(d.admin('PATCH', A, { entity_collection: true }));
    expect((await d.public('/collection')).text).toBe(text);
    await filters(d);
    await damaged(d);
  });

  it('a halt takes everybody it concerns out in its own commit, what lies below too, and nothing that has ended is there', async () => {
    const d = await federation();
    await ok(d.admin('POST', at(INTER, '/suspend'), { reason: 'x' }));
    expect(await ids(d), 'without a turn of anything').toEqual([RP, OTHER]);
    for (const id of [INTER, LEAF])
      expect(await d.public(`/collection?from_entity_id=${encodeURIComponent(id)}`)).toMatchObject({ status: 404, json: { error: 'entity_id_not_found' } });
    await ok(d.admin('POST', at(INTER, '/resume'), {}));
    expect(await ids(d), 'below it nothing is known again until it was looked at').toEqual([INTER, RP, OTHER]);
    await turn(d, 3);
    expect(await ids(d)).toEqual([INTER, LEAF, RP, OTHER]);
    await ok(d.admin('POST', `${A}/organizations/Acme/halt`, { reason: 'x' }));
    expect(await ids(d)).toEqual([INTER, LEAF, OTHER]);
    await ok(d.admin('POST', `${A}/halt`, { reason: 'x' }));
    expect(await d.public('/collection')).toMatchObject({ status: 404, json: { error: 'not_found' } });
    await ok(d.admin('POST', `${A}/resume`, { reason: 'x' }));
    expect(await ids(d), 'their statements wait for their signatures').toEqual([]);
    await backgroundTurn(d.deployment, { more: () => true });
    await turn(d, 3);
    expect(await ids(d)).toEqual([INTER, LEAF, OTHER]);
    d.clock += 4 * day;
    expect(await ids(d), 'every statement and every evaluation has ended').toEqual([]);
  });

  it('many that nobody asks for: an answer looks at so many and says where to go on', async () => {
    const d = await testDeployment({ entityCollection: true });
    const key = await testKey();
    const lines = Array.from({ length: 260 }, (_, n) => ({
      entity_id: `https://m${1000 + n}.example.com`,
      jwks: { keys: [key.jwk] },
      entity_types: ['oauth_client'],
    }));
    await ok(d.admin('POST', `${A}/members`, { ...lines[0], activate: true }));
    // The others by hand: it is about reading.
    for (const table of ['member', 'artefact']) {
      const columns = Object.keys((await d.rows(`SELECT * FROM ${table} LIMIT 1`))[0] ?? {});
      const [key1, id] = table === 'member' ? ['entity_id', 'id'] : ['key', 'id'];
      const where = table === 'member' ? '' : "WHERE kind = 'statement'";
      const all = columns.map((name) =>
        name === key1
          ? `'https://m' || (1000 + CAST(n.value AS NUMERIC)) || '.example.com'`
          : name === id
            ? table === 'member'
              ? `'m' || n.value`
              : '100 + CAST(n.value AS NUMERIC)'
            : `t.${name}`,
      );
      await d.execute(
        `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${all.join(', ')} FROM ${table} AS t, json_each('${JSON.stringify(lines.map((_, n) => n).slice(1))}') AS n ${where}`,
      );
    }
    const first = await ask(d);
    expect([first.entities.length, first.next_entity_id]).toEqual([200, 'https://m1200.example.com']);
    expect(await ids(d, `from_entity_id=${first.next_entity_id}`)).toHaveLength(60);
    expect(await ask(d, 'query=nothing')).toMatchObject({ entities: [] });
    expect(await ids(d, 'query=m1259')).toEqual(['https://m1259.example.com']);
  });
});
