import { expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import { strict } from '../../src/rp/modes.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { VOUCHED_ISSUERS } from '../../src/federation/vouching/vouched.js';
import { JoseFederation } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, SERVICE, SERVER] = ['https://anchor.example', 'https://tools.example', 'https://as.example'];
const MCP = `${SERVICE}/mcp`;
const PUBLISHED = `${SERVICE}/.well-known/oauth-protected-resource/mcp`;
const START = 1_800_000_000;

/** A service that tools are called at, and its authorization server, both members. */
async function world() {
  const clock = { seconds: START, now: () => clock.seconds, milliseconds: () => 1000 * clock.seconds };
  const federation = new JoseFederation(clock.now);
  const anchor = await federation.superior(ANCHOR);
  const service = await federation.entity(SERVICE, { oauth_resource: { resource: MCP, authorization_servers: [SERVER], scopes_supported: ['call'] } }, [
    ANCHOR,
  ]);
  const server = await federation.entity(SERVER, { oauth_authorization_server: { issuer: SERVER, token_endpoint: `${SERVER}/token` } }, [ANCHOR]);
  const [ofService, ofServer] = [federation.enroll(anchor, service, {}, 1), federation.enroll(anchor, server, {}, 2)];
  const says = { resource: MCP, authorization_servers: [SERVER] } as Record<string, unknown>;
  federation.instead.set(PUBLISHED, () => ({ status: 200, type: 'application/json', body: JSON.stringify(says) }));
  const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet>, mode: strict }, { outbound: joseNetwork(federation), clock });
  const told = async (marks: readonly string[] = []) => {
    const found = await party.verifyResource(MCP, { marks });
    return found.trusted ? 'trusted' : `${found.unavailable ? 'unavailable' : 'refused'} ${found.findings[0]?.code} ${found.findings[0]?.where}`;
  };
  return { clock, federation, anchor, service, server, ofService, ofServer, says, party, told };
}

it('a token may be sent to a resource that is a member, lists its authorization server in the federation, and whose server is a member', async () => {
  const { party } = await world();
  expect(await party.verifyResource(MCP)).toMatchObject({
    trusted: true,
    entity: SERVICE,
    authorizationServer: { issuer: SERVER, metadata: { token_endpoint: `${SERVER}/token` } },
    scopesSupported: ['call'],
    context: { entity: SERVICE, anchor: ANCHOR, decision: 'admitted' },
  });
});

it('what it says of itself opens nothing: each thing that is missing is a finding', async () => {
  const { told, says, ofService, ofServer, service, server, federation, clock } = await world();
  const while_ = async (change: () => void, undo: () => void): Promise<string> => {
    change();
    clock.seconds += 700;
    const said = await told();
    undo();
    clock.seconds += 700;
    return said;
  };
  const says_ = (more: object) =>
    while_(
      () => Object.assign(says, more),
      () => Object.assign(says, { resource: MCP, authorization_servers: [SERVER] }),
    );
  expect(await says_({ resource: `${SERVICE}/other` })).toBe('refused requirement_unmet resource');
  expect(await says_({ authorization_servers: ['https://rogue.example'] })).toBe('refused requirement_unmet authorization_servers');
  expect(await says_({ authorization_servers: [SERVER, 'https://rogue.example'] })).toBe('refused requirement_unmet authorization_servers');
  expect(
    await while_(
      () => (ofService.state = 2),
      () => (ofService.state = 0),
    ),
  ).toMatch(/^refused (not_in_force|no_chain)/);
  expect(
    await while_(
      () => (ofServer.state = 1),
      () => (ofServer.state = 0),
    ),
  ).toMatch(/^refused (not_in_force|no_chain)/);
  expect(await told(['https://anchor.example/vetted']), 'a mark it does not bear').toBe('refused requirement_unmet https://anchor.example/vetted');
  const [own, theirs] = [service.metadata, server.metadata];
  expect(
    await while_(
      () => (service.metadata = { oauth_resource: { ...own['oauth_resource'], resource: SERVICE } }),
      () => (service.metadata = own),
    ),
  ).toMatch(/oauth_resource\/resource$/);
  expect(
    await while_(
      () => (service.metadata = { oauth_client: { scope: 'x' } }),
      () => (service.metadata = own),
    ),
  ).toBe('refused requirement_unmet metadata');
  expect(
    await while_(
      () => (server.metadata = { oauth_authorization_server: { issuer: SERVER, protected_resources: [SERVICE] } }),
      () => (server.metadata = theirs),
    ),
  ).toMatch(/protected_resources$/);
  expect(await told()).toBe('trusted');
  for (const answer of [
    { status: 404, type: 'application/json', body: '{}' },
    { status: 200, type: 'text/html', body: '<p>' },
    { status: 200, type: 'application/json', body: '{"resource":"a","resource":"b"}' },
    { status: 302, type: '', body: '' },
  ]) {
    federation.instead.set(PUBLISHED, () => answer);
    expect(await told()).toMatch(/^refused/);
  }
});

it('URLs that are none of a resource are refused without a question', async () => {
  const { party, federation } = await world();
  for (const url of ['nothing', `${MCP}#x`, 'https://a:b@tools.example/mcp', `https://x.example/${'a'.repeat(3000)}`])
    expect((await party.verifyResource(url)).trusted).toBe(false);
  expect(federation.asked).toEqual([]);
});

it('mayAssert: by the issuers its superior vouches for, for these names, while it is in force', async () => {
  const { party, ofServer } = await world();
  const ada = { type: 'email_domain', value: 'ada@example.com' } as const;
  expect(await party.mayAssert(SERVER, 'id_jag', ada)).toMatchObject({ issuers: [], findings: [{ code: 'requirement_unmet' }] });
  ofServer.claims = { [VOUCHED_ISSUERS]: [{ kind: 'id_jag', issuer: SERVER, namespaces: [{ type: 'email_domain', value: 'example.com' }] }] };
  expect(await party.mayAssert(SERVER, 'id_jag', ada)).toMatchObject({ issuers: [{ issuer: SERVER, kind: 'id_jag' }], findings: [] });
  expect((await party.mayAssert(SERVER, 'id_jag', { ...ada, value: 'ada@other.example' })).issuers).toEqual([]);
  ofServer.state = 2;
  expect(await party.mayAssert(SERVER, 'id_jag', ada)).toMatchObject({ issuers: [], findings: [{ code: 'not_in_force' }] });
});
