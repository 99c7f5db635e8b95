import { type ErrorCode, type Finding, type JwkSet, type Metadata, parseJwkSet, type TrustChain } from '../federation/entry.js';
import type { FederationContext } from './context.js';

/** What an entity has to be. */
export interface Requirements {
  /** Entity Types, the one that is wanted most first: the first that the entity has counts. */
  readonly entityType: string | readonly string[];
  /** Types of Trust Marks, each of which it has to bear, verified and active. */
  readonly marks?: readonly string[];
}

export interface AdmitOptions {
  /** The Trust Anchor that has to be the end; any of the pinned ones when left out. */
  readonly anchor?: string;
  readonly requires: Requirements;
  /** A chain that came with the request (OpenID Federation 1.0 §4.3): a hint. */
  readonly trustChain?: readonly string[] | undefined;
}

/** What the federation lets a client ask for. */
export interface Entitled {
  readonly scopes: readonly string[];
  /** RFC 8707; undefined: the federation does not say, which is no permission. */
  readonly resources: readonly string[] | undefined;
  readonly authorizationDetailsTypes: readonly string[] | undefined;
  readonly authorizationDetailsTemplates: readonly Readonly<Record<string, unknown>>[] | undefined;
  readonly grantTypes: readonly string[] | undefined;
}

export interface Admitted {
  readonly admitted: true;
  readonly entity: string;
  readonly anchor: string;
  readonly entityType: string;
  /** Resolved Metadata (§6.1.4.2) of the Entity Type, and of all. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allMetadata: Metadata;
  /** Its keys for the protocol, by value, as the federation says; undefined where its metadata has none by value. */
  readonly jwks: JwkSet | undefined;
  readonly entitled: Entitled;
  /** What was issued to it before is dead (seconds since the epoch). */
  readonly notBefore: number | undefined;
  readonly chain: TrustChain;
  readonly context: FederationContext;
}

export interface Refused {
  readonly admitted: false;
  /** `unavailable`: nobody could say, so nobody gets in; try again. */
  readonly reason: 'denied' | 'unavailable';
  /** §8.9: why trust could not be established; `invalid_client`: it was known, and is not in force. */
  readonly error: ErrorCode;
  readonly findings: readonly Finding[];
  readonly context: FederationContext;
}

export type Admission = Admitted | Refused;

/** What is there and no list is one of nothing: nobody is let into more by what cannot be read. */
const strings = (value: unknown): readonly string[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What metadata with every policy applied lets a client ask for. */
function entitledBy(metadata: Readonly<Record<string, unknown>>): Entitled {
  const { scope, authorization_details_templates: templates } = metadata;
  return {
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
    resources: strings(metadata['allowed_resources']),
    authorizationDetailsTypes: strings(metadata['authorization_details_types']),
    authorizationDetailsTemplates: templates === undefined ? undefined : Array.isArray(templates) ? templates.filter(isObject) : [],
    grantTypes: strings(metadata['grant_types']),
  };
}

const read = new WeakMap<object, Pick<Admitted, 'jwks' | 'entitled'>>();

/** Keys and entitlements of metadata, read once: a chain is used for many requests. */
export function protocolOf(metadata: Readonly<Record<string, unknown>>): Pick<Admitted, 'jwks' | 'entitled'> {
  const known = read.get(metadata);
  if (known) return known;
  const jwks = parseJwkSet(metadata['jwks'], 'jwks', { strict: false });
  const found = { jwks: jwks.ok ? jwks.value : undefined, entitled: entitledBy(metadata) };
  read.set(metadata, found);
  return found;
}
