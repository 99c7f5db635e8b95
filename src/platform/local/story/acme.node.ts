import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { type AgentFile, agentConfiguration, newPrivateKey, publicHalf, signedWith } from '../../../cli/agent-file.js';
import { askJoin } from '../../../cli/join-client.js';
import { readLink } from '../../../cli/application-file.js';
import { KEY_PROOF_TYP, keyProofClaims } from '../../../federation/key-proof.js';
import type { KeyChallenge } from '../../../federation/key-proof.js';
import { seconds } from '../../deployment.node.js';
import type { Holdfast, Place } from './stage.node.js';

const HOUR = 3600;

/** An organization with a federation key of its own and a web server, and with no account anywhere. */
export interface Acme {
  readonly id: string;
  readonly key: JWK;
}

/** It publishes its entity configuration, which names the operator as its superior. */
export async function foundAcme(place: Place, superior: string): Promise<Acme> {
  const key = await newPrivateKey();
  const id = place.url;
  const client = await newPrivateKey();
  const metadata = {
    federation_entity: { organization_name: 'Acme AB' },
    oauth_client: {
      client_name: 'Acme AB',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      jwks: { keys: [publicHalf(client)] },
    },
  };
  place.answers({
    path: '/.well-known/openid-federation',
    type: 'application/entity-statement+jwt',
    text: () =>
      agentConfiguration({ entity_id: id, client_id: null, federation_key: key, client_key: client, metadata }, superior, {
        iat: seconds(),
        exp: seconds() + HOUR,
      }),
  });
  return { id, key };
}

export interface Application {
  readonly id: string;
  readonly token: string;
  /** What the authority found at what the applicant publishes. */
  readonly findings: readonly { readonly code: string }[];
}

/** By a join link: apply, have what is published checked, prove the key. It needs no account. */
export async function apply(acme: Acme, link: string, { local }: Holdfast, scopes: readonly string[]): Promise<Application> {
  const { id: join_link, secret } = readLink(link);
  const body = {
    join_link,
    entity_id: acme.id,
    organization: { legal_name: 'Acme AB', registration_number: '556000-0001', jurisdiction: 'SE' },
    contacts: [{ email: 'agents@acme.example' }],
    entity_types: ['oauth_client'],
    scopes,
    jwks: { keys: [publicHalf(acme.key)] },
  };
  const { id, token } = await askJoin<{ readonly id: string; readonly token: string }>(local, secret, 'POST', '/applications', body, randomUUID().repeat(2));
  const own = `/applications/${id}`;
  const { findings } = await askJoin<{ readonly findings: readonly { readonly code: string }[] }>(local, token, 'POST', `${own}/preflight`);
  const challenge = await askJoin<KeyChallenge & { readonly challenge_id: string }>(local, token, 'POST', `${own}/challenges`);
  const proof = await signedWith(acme.key, KEY_PROOF_TYP, keyProofClaims(challenge, acme.id, randomUUID(), seconds()));
  await askJoin(local, token, 'POST', `${own}/proofs`, { challenge_id: challenge.challenge_id, proofs: [proof] });
  return { id, token, findings };
}

/** Ask the join API of an authority as its member, by a client assertion under the member's federation key. */
async function askAs<T>(acme: Acme, { url, local }: Holdfast, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const now = seconds();
  const assertion = await signedWith(acme.key, 'JWT', { iss: acme.id, sub: acme.id, aud: url, jti: randomUUID(), iat: now, exp: now + 60 });
  return askJoin<T>(local, assertion, method, path, body);
}

export interface Agent {
  readonly entity: string;
  /** Our id of it at the authority for agents. */
  readonly member: string;
  readonly clientId: string;
  /** Its keys, in the file that `holdfast agent create` writes. */
  readonly file: string;
  readonly clientKey: JWK;
}

/** What an agent may ask for, and whom for. */
export interface Wanted {
  readonly scopes: readonly string[];
  readonly resource: string;
}

/** What `holdfast agent create` does: keys are made here, the agent signs what it says of itself, and is in force at once. */
export async function createAgent(acme: Acme, operator: Holdfast, folder: string, name: string, { scopes, resource }: Wanted): Promise<Agent> {
  const { authority } = await askAs<{ readonly authority: string }>(acme, operator, 'GET', '/agents?limit=1');
  const [federation_key, client_key] = [await newPrivateKey(), await newPrivateKey()];
  const own: AgentFile = {
    entity_id: `${authority}/agents/${name}`,
    client_id: null,
    federation_key,
    client_key,
    metadata: {
      oauth_client: {
        client_name: name,
        organization_name: 'Acme AB',
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [publicHalf(client_key)] },
      },
    },
  };
  const life = 12 * HOUR;
  const entity_configuration = await agentConfiguration(own, authority, { iat: seconds(), exp: seconds() + life });
  const made = await askAs<{ readonly id: string; readonly client_id: string }>(acme, operator, 'POST', '/agents', {
    name,
    entity_configuration,
    scopes,
    entitlements: [{ kind: 'resource', value: resource }],
    life,
  });
  const file = join(folder, `${name}.agent.json`);
  writeFileSync(file, `${JSON.stringify({ ...own, client_id: made.client_id }, null, 2)}\n`, { mode: 0o600 });
  return { entity: own.entity_id, member: made.id, clientId: made.client_id, file, clientKey: client_key };
}
