import { clientMetadataIn, type ClientMetadata, type Finding, narrowMetadata, parseJwkSet } from '../../federation/entry.js';
import { withinGrants } from '../../federation/client-grants.js';
import { refusal, type RegistrationRefused } from './answer.js';
import type { SignedRegistration } from './read-signed.js';

type MaybePromise<T> = T | Promise<T>;

/** What the registry says of a registration: of its member, its key, its statement and its token. */
export interface GateVerdict {
  readonly state: 'in_force' | 'denied' | 'unavailable';
  readonly findings?: readonly Finding[];
}

export interface AdmitRegistrationOptions {
  /** Is everything that it rests on in force now (registration/gate.ts)? What cannot be found out is `unavailable`, never a yes. */
  readonly gate: (signed: SignedRegistration) => MaybePromise<GateVerdict>;
  /**
   * Use the token and the request up: first here by a unique insert of both `jti`s, since of several at once one may go on, then at
   * the registry, which is how it learns who has the client. `used`: somebody was first; `refused`:
   * it is not in force there.
   */
  readonly redeem: (signed: SignedRegistration) => MaybePromise<'redeemed' | 'used' | 'refused' | 'unavailable'>;
}

/** What this server remembers of a client beside its metadata. */
export interface RegisteredBy {
  readonly entity: string;
  readonly authority: string;
  readonly anchor: string;
  readonly softwareStatementJti: string;
  readonly initialAccessTokenJti: string;
  /** RFC 7638 thumbprint of the key that signed the registration. */
  readonly keyThumbprint: string;
  readonly entitlementVersion: number | undefined;
  readonly organizationId: string | undefined;
  readonly organizationName: string | undefined;
}

export interface AdmittedRegistration {
  readonly ok: true;
  /** RFC 7591 §2, to be stored: the statement's, narrowed by the request. No secret, keys by value. */
  readonly metadata: ClientMetadata;
  /** To be answered unmodified (RFC 7591 §3.2.1). */
  readonly softwareStatement: string;
  readonly federation: RegisteredBy;
}

/** A client proves a key of the statement; with anything else the keys would be for nothing. */
const BY_KEY = ['private_key_jwt', 'self_signed_tls_client_auth'];
/** Checks g to i, in that order; the first that fails answers. Only the last one changes anything. */
export async function admitRegistration(
  signed: SignedRegistration,
  { gate, redeem }: AdmitRegistrationOptions,
): Promise<AdmittedRegistration | RegistrationRefused> {
  // g
  const { state, findings = [] } = await gate(signed);
  if (state === 'denied') return refusal('unapproved_software_statement', `not in force: ${findings[0]?.detail ?? signed.entity}`, findings);
  if (state !== 'in_force') return refusal('temporarily_unavailable', 'the registry cannot be asked whether this is in force', findings);
  // h
  const merged = mergedMetadata(signed);
  if (!merged.ok) return merged;
  // i
  const redeemed = await redeem(signed);
  if (redeemed === 'used') return refusal('invalid_token', 'the initial access token was used');
  if (redeemed === 'refused') return refusal('unapproved_software_statement', 'the software statement is not in force');
  if (redeemed !== 'redeemed') return refusal('temporarily_unavailable', 'the initial access token cannot be redeemed now');
  return { ok: true, metadata: merged.metadata, softwareStatement: signed.statement.compact, federation: factsOf(signed) };
}

function mergedMetadata({ vouched, request }: SignedRegistration): { readonly ok: true; readonly metadata: ClientMetadata } | RegistrationRefused {
  const narrowed = narrowMetadata(vouched, clientMetadataIn(request.claims));
  if (!narrowed.ok) {
    const { parameter, detail } = narrowed.wider;
    return refusal(parameter === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata', `${parameter}: ${detail}`);
  }
  const metadata: Record<string, unknown> = withinGrants({ token_endpoint_auth_method: BY_KEY[0], ...narrowed.value });
  if (!BY_KEY.includes(String(metadata['token_endpoint_auth_method'])))
    return refusal('invalid_client_metadata', 'token_endpoint_auth_method: the client proves a key, and has no secret');
  const keys = parseJwkSet(metadata['jwks'], 'jwks', { strict: false });
  return keys.ok ? { ok: true, metadata } : refusal('invalid_client_metadata', `jwks: ${keys.findings[0]?.detail ?? 'there is no key'}`, keys.findings);
}

function factsOf({ entity, authority, statement, token }: SignedRegistration): RegisteredBy {
  const { jti, entitlement_version: version, organization_id: id, organization_name: name } = statement.claims;
  return {
    entity,
    authority: authority.entityId,
    anchor: authority.anchor,
    softwareStatementJti: jti,
    initialAccessTokenJti: token.jti,
    keyThumbprint: token.jkt,
    entitlementVersion: typeof version === 'number' ? version : undefined,
    organizationId: typeof id === 'string' ? id : undefined,
    organizationName: typeof name === 'string' ? name : undefined,
  };
}
