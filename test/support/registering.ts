import { backgroundTurn } from '../../src/operations/background.js';
import { ANCHOR, type Answer, type TestDeployment, testDeployment, testMember, type TestMember } from './deployment.js';
import { askJoin } from './join.js';
import { type TestKey, testKey } from './keys.js';

/** A federation with an agent that is a client, and an authorization server; both members in force. */
export const A = '/authorities/main';
export const AGENT = 'https://agent.example.com';
export const SERVER = 'https://as.example.net';
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;

export interface Registering {
  readonly d: TestDeployment;
  readonly agent: TestMember & { readonly memberId: string };
  readonly server: TestMember & { readonly memberId: string };
  /** What the agent signs with as a client: none of its Federation Entity Keys. */
  readonly client: TestKey;
  /** What the agent publishes. */
  readonly metadata: object;
}

export async function evaluate(d: TestDeployment, id = AGENT): Promise<void> {
  await backgroundTurn(d.deployment, { more: () => true });
  const { status, text } = await d.admin('POST', `${A}/entities/${encodeURIComponent(id)}/evaluate`, {});
  if (status !== 200) throw new Error(text);
}

export async function enrolled(d: TestDeployment, id: string, metadata: object, types: readonly string[], more: object = {}) {
  const one = await testMember(id);
  d.network.set(wellKnown(id), await one.configuration({ metadata }));
  const { json, status, text } = await d.admin('POST', `${A}/members`, { entity_id: id, jwks: one.jwks, entity_types: types, activate: true, ...more });
  if (status !== 201) throw new Error(text);
  return { ...one, memberId: String(json.id) };
}

export async function registering(): Promise<Registering> {
  const d = await testDeployment();
  const client = await testKey();
  const metadata = {
    client_name: 'Agent',
    grant_types: ['client_credentials', 'authorization_code'],
    redirect_uris: [`${AGENT}/cb`, `${AGENT}/other`],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [client.jwk] },
    scope: 'read write admin',
  };
  const entitlements = [
    { kind: 'scope', value: 'read' },
    { kind: 'scope', value: 'write' },
    { kind: 'resource', value: 'https://tools.example.net/mcp' },
  ];
  const agent = await enrolled(d, AGENT, { oauth_client: metadata }, ['oauth_client'], { entitlements, organization: 'Agents AB' });
  const server = await enrolled(d, SERVER, { oauth_authorization_server: { issuer: SERVER } }, ['oauth_authorization_server']);
  await evaluate(d);
  return { d, agent, server, client, metadata: { oauth_client: metadata } };
}

/** A client assertion of a member. */
export const assertion = (d: TestDeployment, by: TestMember, claims: object = {}): Promise<string> =>
  by.key.jwt({ iss: by.id, sub: by.id, aud: ANCHOR, iat: d.clock, exp: d.clock + 60, jti: crypto.randomUUID(), ...claims }, { typ: 'JWT' });

/** Ask the join API as a member. */
export const asMember = async (d: TestDeployment, by: TestMember, method: string, path: string, body?: unknown): Promise<Answer> =>
  askJoin(d, method, path, body, { token: await assertion(d, by) });
