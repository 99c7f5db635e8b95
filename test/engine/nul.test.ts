import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const MEMBERS = `${A}/members`;
const DAY = 86_400;
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;

async function member(d: TestDeployment, id: string) {
  const { jwks } = await testMember(id);
  expect((await d.admin('POST', MEMBERS, { entity_id: id, jwks, activate: true })).status).toBe(201);
}

describe('U+0000, which a database may not be able to hold, is refused alike on every engine', () => {
  it('in a body: 400 that names the place, in values and names, at any depth; one that is spelt out is a text like any other', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    const enrol = (more: object) => d.admin('POST', MEMBERS, { entity_id: 'https://x.example', jwks, ...more });
    for (const [more, place] of [
      [{ entity_id: 'https://x.example/\0' }, 'entity_id'],
      [{ organization: 'a\0b' }, 'organization'],
      [{ metadata: { openid_relying_party: { contacts: ['a', '\0'] } } }, 'metadata/openid_relying_party/contacts/1'],
      [{ claims: { 'a\0': 1 } }, 'claims/a?'],
      [{ readmit: '\\\0' }, 'readmit'],
    ] as const) {
      const refused = await enrol(more);
      expect([refused.status, refused.json.code], place).toEqual([400, 'invalid_request']);
      expect(refused.json.detail).toContain(`"${place}" holds U+0000`);
    }
    expect((await enrol({ organization: 'a\\u0000b' })).status).toBe(201);
    expect(await d.rows('SELECT legal_name FROM organization')).toEqual([{ legal_name: 'a\\u0000b' }]);
    expect((await d.admin('POST', `${MEMBERS}/${encodeURIComponent('https://x.example')}/suspend`, { reason: 'a\0' })).status).toBe(400);
  });
  it('in a path or a query: 400', async () => {
    const d = await testDeployment();
    for (const path of ['/authorities/ma%00in', `${MEMBERS}?q=%00`, `${MEMBERS}/https%3A%2F%2Fx.example%00`, `${A}/entities?a%00=b`]) {
      const refused = await d.admin('GET', path);
      expect([refused.status, refused.json.code], path).toEqual([400, 'invalid_request']);
      expect(refused.json.detail).toContain('U+0000');
    }
    expect((await d.admin('GET', `${MEMBERS}?q=%2500`)).status).toBe(200);
  });
  it('in a line of an import, as JSON and as CSV: that line is refused, the others come in', async () => {
    for (const type of ['application/x-ndjson', 'text/csv']) {
      const d = await testDeployment();
      const lines = await Promise.all(
        [1, 2, 3].map(async (n) => {
          const id = `https://m${n}.example`;
          const { jwks } = await testMember(id);
          const organization = n === 2 ? 'a\0b' : 'ab';
          return type === 'text/csv'
            ? `${id},"${JSON.stringify(jwks).replaceAll('"', '""')}",${organization}`
            : JSON.stringify({ entity_id: id, jwks, organization });
        }),
      );
      const job = (await d.admin('POST', `${A}/imports`, {})).json.id;
      const body = (type === 'text/csv' ? ['entity_id,jwks,organization', ...lines] : lines).join('\n');
      const sent = await d.admin('POST', `${A}/imports/${job}/lines`, body, { headers: { 'content-type': type } });
      expect(sent.json, type).toMatchObject({ done: type === 'text/csv' ? 4 : 3, refused: 1 });
      expect((await d.admin('GET', MEMBERS)).json.items).toHaveLength(2);
    }
  });
  it('of strangers: who puts it into a statement is refused, and nobody else; a listing passes over what is no identifier', async () => {
    const d = await testDeployment();
    const ABOVE = 'https://intermediate.example.net';
    const above = await testMember(ABOVE);
    const endpoints = { federation_fetch_endpoint: `${ABOVE}/fetch`, federation_list_endpoint: `${ABOVE}/list` };
    d.network.set(wellKnown(ABOVE), await above.configuration({ metadata: { federation_entity: endpoints } }));
    await d.admin('POST', MEMBERS, { entity_id: ABOVE, jwks: above.jwks, intermediate: true, activate: true });
    const times = { iat: NOW - 10, exp: NOW + 3 * DAY };
    const hostile: Record<string, { configuration?: object; statement?: object }> = {
      'https://fine1.example.net': {},
      'https://name.example.net': { configuration: { metadata: { openid_provider: { organization_name: 'a\0b' } } } },
      'https://mark.example.net': { configuration: { trust_marks: [{ trust_mark_type: 'a\0', trust_mark: 'b\0' }] } },
      'https://claim.example.net': { configuration: { 'x\0y': '\0' } },
      'https://types.example.net': { configuration: { metadata: { 'a\0': {} } } },
      'https://stated.example.net': { statement: { metadata: { openid_provider: { contacts: ['\0'] } } } },
      'https://crit.example.net': { configuration: { crit: ['a\0'], 'a\0': 1 } },
      'https://fine2.example.net': {},
    };
    for (const [id, { configuration = {}, statement = {} }] of Object.entries(hostile)) {
      const leaf = await testMember(id);
      const own = { ...times, authority_hints: [ABOVE], metadata: { openid_provider: { issuer: id } }, ...configuration };
      d.network.set(wellKnown(id), await leaf.configuration(own));
      d.network.set(`${ABOVE}/fetch?sub=${encodeURIComponent(id)}`, await above.key.jwt({ iss: ABOVE, sub: id, ...times, jwks: leaf.jwks, ...statement }));
    }
    d.network.set(`${ABOVE}/list`, JSON.stringify([...Object.keys(hostile), 'https://nul.example\0', '\0']));
    const started = await d.admin('POST', `${A}/crawls`, {});
    await discoveryTurn(d.deployment, { more: () => true });
    expect((await d.admin('GET', `${A}/jobs/${started.json.id}`)).json).toMatchObject({ state: 'done', total: 10, done: 10 });
    const status = async (id: string) => (await d.public(`/resolve?sub=${encodeURIComponent(id)}&trust_anchor=${ANCHOR}`)).status;
    const resolved = await Promise.all(Object.keys(hostile).map(async (id) => ((await status(id)) === 200 ? id : '')));
    expect(resolved.filter(Boolean)).toEqual(['https://fine1.example.net', 'https://fine2.example.net']);
    expect(JSON.stringify(await d.rows('SELECT findings FROM snapshot'))).toContain('U+0000');
  });
  it('of a member, watched and asked: its configuration is refused, nothing stops', async () => {
    const d = await testDeployment();
    await member(d, 'https://m.example');
    const other = await testMember('https://m.example');
    d.network.set(wellKnown('https://m.example'), await other.configuration({ metadata: { openid_relying_party: { client_name: '\0' } } }));
    await discoveryTurn(d.deployment, { more: () => true });
    const refreshed = await d.admin('POST', MEMBERS, { entity_id: 'https://n.example' });
    expect(refreshed.status).toBe(422);
  });
});
