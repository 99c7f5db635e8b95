import { type EntityStatement, type Finding, finding, type JwkSet, usableKeys } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { isObject } from '../../federation/strict-json.js';
import type { Call } from '../call.js';
import { keysLeftOut } from '../judged.js';
import { refuseFindings } from '../refusal.js';
import { AGENT_TYPES } from './create-agent-authority.js';

/** What an agent says of itself, as far as it is looked at. */
export interface AgentConfiguration {
  readonly compact: string;
  readonly statement: EntityStatement;
  /** Its Federation Entity Keys, and those it proves itself with as a client. */
  readonly jwks: JwkSet;
  readonly clientKeys: JwkSet | undefined;
  readonly entityTypes: readonly string[];
  readonly exp: number;
}

const no = (where: string, detail: string, fix: string): Finding => ({ ...finding('metadata_invalid', where, detail), fix });

/**
 * The Entity Configuration that an agent signed, before it is served: it is a leaf of these types below its authority, and has
 * its keys by value, since it has no server to fetch others from.
 * @param superior the Entity Identifier of the authority for agents
 * @throws Refusal findings
 */
export async function readAgentConfiguration(call: Call, superior: string, entityId: string, compact: string): Promise<AgentConfiguration> {
  const read = await call.explorer.ask('configuration', { entityId, configuration: compact });
  if (!read.ok) throw refuseFindings(`this is no entity configuration of ${entityId}`, read.findings);
  const { claims } = read.value;
  const findings: Finding[] = [];
  const keys = usableKeys(claims.jwks);
  if (!keys.ok) findings.push(...keys.findings);
  else if (keys.value.ignored.length) findings.push(...keysLeftOut(keys.value.ignored));
  const hints = claims.authority_hints ?? [];
  if (hints.length !== 1 || hints[0] !== superior)
    findings.push(finding('authority_hint_missing', 'authority_hints', `an agent has one superior: ["${superior}"]`));
  const metadata = claims.metadata ?? {};
  const types = Object.keys(metadata).filter((type) => type !== 'federation_entity');
  const other = types.find((type) => !(AGENT_TYPES as readonly string[]).includes(type));
  if (other !== undefined)
    findings.push(no(`metadata/${quote(other)}`, 'an agent is not of this type', `Declare ${AGENT_TYPES.join(' or ')}, and nothing else.`));
  if (types.length === 0) findings.push(no('metadata', 'it is of no type', `Declare ${AGENT_TYPES.join(' or ')}.`));
  const ends = Object.keys(metadata['federation_entity'] ?? {}).find((name) => name.startsWith('federation_'));
  if (ends !== undefined) findings.push(no(`metadata/federation_entity/${quote(ends)}`, 'an agent has nobody below it', 'Leave it out.'));
  for (const type of types)
    for (const name of ['jwks_uri', 'signed_jwks_uri'])
      if (metadata[type]?.[name] !== undefined)
        findings.push(no(`metadata/${type}/${name}`, 'its keys stand in its configuration', 'Give them by value, in "jwks".'));
  const own = metadata['oauth_client']?.['jwks'];
  const client = own === undefined ? undefined : usableKeys(own);
  if (client && !client.ok) findings.push(...client.findings.map((one) => ({ ...one, where: `metadata/oauth_client/${one.where}` })));
  if (metadata['oauth_client'] !== undefined && !isObject(own))
    findings.push(no('metadata/oauth_client/jwks', 'there is no key to prove itself with', 'Give the public keys of the client by value.'));
  if (findings.length || !keys.ok) throw refuseFindings('this configuration is not that of an agent here', findings);
  return {
    compact,
    statement: read.value,
    jwks: keys.value.jwks,
    clientKeys: client?.ok ? client.value.jwks : undefined,
    entityTypes: types,
    exp: claims.exp,
  };
}
