import { finding, type JwkSet, narrowMetadata, readStatusReference, STATUS_TYPES } from '../../federation/entry.js';
import { type ListsOptions, statusLists } from '../gate/status-lists.js';
import type { Gate } from '../gate/gate-result.js';
import type { GateVerdict } from './admit-registration.js';
import type { SignedRegistration } from './read-signed.js';
import { underSuperiors } from './superior-policy.js';

export interface RegistrationGateOptions extends ListsOptions {
  readonly federation: { readonly development?: boolean; readonly gate: Gate };
}

/**
 * Check g: the member and everybody between it and the Trust Anchor are in force, by its chain, and who vouches is one of those; the statement, the token and the keys
 * that they name are, by the status list of whoever signed them. What names no place in a list cannot be taken back, and is not taken.
 */
export function registrationGate({ federation, ...options }: RegistrationGateOptions): (signed: SignedRegistration) => Promise<GateVerdict> {
  const lists = statusLists(options);
  return async ({ entity, authority, statement, token, vouched }) => {
    const member = await federation.gate(entity, { anchor: authority.anchor });
    if (!member.inForce) return { state: member.reason === 'unavailable' ? 'unavailable' : 'denied', findings: member.findings };
    // Whoever leads to the Trust Anchor may sign what it likes: it vouches for those below it, and for nobody beside it or for itself.
    if (!member.superiors?.includes(authority.entityId))
      return { state: 'denied', findings: [finding('not_in_force', entity, `${authority.entityId} vouched for it, and is no superior of it`)] };
    // The chain that came with the statement may be of before its superiors allowed less.
    const above = member.chain?.statements.map(({ claims }) => claims) ?? [];
    const from = above.findIndex(({ iss, sub }) => iss !== sub && sub === authority.entityId);
    const today = underSuperiors(statement, from === -1 ? [] : above.slice(from), federation.development);
    const wider = today.ok ? narrowMetadata(today.value, vouched) : undefined;
    if (!today.ok) return { state: 'denied', findings: today.findings };
    if (!wider?.ok) return { state: 'denied', findings: [finding('policy_violation', entity, `the superiors of ${authority.entityId} allow less today`)] };
    // Of a token that the authority was asked about it has just said so.
    const signed = [statement.claims, ...(token.claims['active'] === true ? [] : [token.claims])];
    // Of before a halt: it does not live again with the member.
    const { notBefore } = member;
    const old = signed.find(({ iat }) => notBefore !== undefined && !(typeof iat === 'number' && iat >= notBefore));
    if (old) return { state: 'denied', findings: [finding('not_in_force', entity, `${String(old['jti'])} was issued before its member came back`)] };
    const verdicts = await Promise.all(signed.map((claims) => standing(claims, authority.jwks, lists)));
    return verdicts.find(({ state }) => state === 'denied') ?? verdicts.find(({ state }) => state === 'unavailable') ?? { state: 'in_force' };
  };
}

async function standing(claims: Readonly<Record<string, unknown>>, jwks: JwkSet, lists: ReturnType<typeof statusLists>): Promise<GateVerdict> {
  const place = readStatusReference(claims['status']);
  if (!place.ok) return { state: 'denied', findings: place.findings };
  if (!place.value) return { state: 'denied', findings: [finding('not_in_force', 'status', 'it names no place in a status list')] };
  const list = await lists(place.value.uri, jwks);
  if (list.state !== 'known') return { state: 'unavailable', findings: list.findings };
  if (list.value.at(place.value.idx) === STATUS_TYPES.valid) return { state: 'in_force' };
  return { state: 'denied', findings: [finding('not_in_force', place.value.uri, `${String(claims['jti'])} is not valid any more`)] };
}
