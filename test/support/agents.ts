import type { Deployment } from '../../src/operations/call.js';
import { type Answer, ANCHOR, NOW, type TestDeployment, testMember } from './deployment.js';
import { askJoin } from './join.js';
import { type TestKey, testKey } from './keys.js';

/** A member of `main` whose agents live below `<ANCHOR>/acme`. */
export const HOLDER = 'https://acme.example.com';
export const SLUG = 'acme';
export const AGENTS = `${ANCHOR}/${SLUG}`;
export const DAY = 86_400;
/** What agents may ask for at most. */
const CEILING = ['tools:read', 'tools:call'].map((value) => ({ kind: 'scope', value }));

/** A member that keeps agents, as it speaks for itself. */
export interface Keeping {
  readonly entityId: string;
  readonly key: TestKey;
  readonly below: string;
  /** Our id of the member. */
  readonly id: string;
  readonly made: Readonly<Record<string, unknown>>;
}

/** An organization with one member and an authority for its agents. */
export async function withAgents(d: TestDeployment, limits: object = {}, { holder = HOLDER, slug = SLUG, organization = 'Acme AB' } = {}): Promise<Keeping> {
  const member = await testMember(holder);
  const enrolled = await d.admin('POST', '/authorities/main/members', {
    ...{ entity_id: holder, jwks: member.jwks, entity_types: ['openid_relying_party'], organization, entitlements: CEILING, activate: true },
  });
  if (enrolled.status !== 201) throw new Error(enrolled.text);
  const made = await d.admin('POST', '/authorities/main/agent-authorities', { member: holder, slug, ...limits });
  if (made.status !== 201) throw new Error(made.text);
  return { entityId: holder, key: member.key, below: `${ANCHOR}/${slug}`, id: enrolled.json.id, made: made.json };
}

let jti = 0;
/** A client assertion of a member (OpenID Federation 1.0 §8.8). */
export const assertion = (d: TestDeployment, { entityId, key }: Pick<Keeping, 'entityId' | 'key'>, claims: object = {}): Promise<string> =>
  key.jwt({ iss: entityId, sub: entityId, aud: ANCHOR, jti: `j${++jti}`, iat: d.clock, exp: d.clock + 60, ...claims }, { typ: 'JWT' });

/** Ask as a member. */
export async function askAs(
  d: TestDeployment,
  keeping: Keeping,
  method: string,
  path: string,
  body?: object,
  { headers = {}, deployment }: Pick<Making, 'headers' | 'deployment'> = {},
): Promise<Answer> {
  return askJoin(d, method, path, body, { token: await assertion(d, keeping), headers, from: keeping.entityId, ...(deployment && { deployment }) });
}

export interface AgentKeys {
  readonly federation: TestKey;
  readonly client: TestKey;
}
export const agentKeys = async (): Promise<AgentKeys> => ({ federation: await testKey(), client: await testKey() });

/** What an agent says of itself as a client. */
export const clientOf = (name: string, { client }: AgentKeys) => ({
  ...{ client_name: name, grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] } },
});

/** The Entity Configuration of an agent, signed by its own key. */
export function agentConfiguration(name: string, keys: AgentKeys, claims: object = {}, at = NOW, below = AGENTS): Promise<string> {
  const id = `${below}/agents/${name}`;
  return keys.federation.jwt({
    ...{ iss: id, sub: id, iat: at, exp: at + 40 * DAY, jwks: { keys: [keys.federation.jwk] }, authority_hints: [below] },
    metadata: { oauth_client: clientOf(name, keys) },
    ...claims,
  });
}

export interface Making {
  readonly keys?: AgentKeys;
  readonly claims?: object;
  readonly body?: object;
  readonly headers?: Record<string, string>;
  /** Of another process. */
  readonly deployment?: Deployment;
}

/** Make an agent as its member does. */
export async function makeAgent(d: TestDeployment, keeping: Keeping, name: string, { keys, claims, body = {}, ...more }: Making = {}): Promise<Answer> {
  const entity_configuration = await agentConfiguration(name, keys ?? (await agentKeys()), claims, d.clock, keeping.below);
  return askAs(d, keeping, 'POST', '/agents', { name, entity_configuration, scopes: ['tools:read'], ...body }, more);
}
