import { ENTITY_TYPES } from './entity-types.js';
import { type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import { isJson } from './json-key.js';
import { jsonLength } from './json-size.js';
import { MAX_METADATA_BYTES } from './limits.js';
import { Findings, findingPlace } from './places.js';
import { isObject } from './strict-json.js';
import { readUrl } from './read-url.js';

/** Entity Type → parameter → value. No parameter is null (OpenID Federation 1.0 §5). */
export type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The Federation Entity endpoints of §5.1.1; each may have a companion `<name>_auth_methods` (§8.8.1). */
export const FEDERATION_ENDPOINTS = [
  'federation_fetch_endpoint',
  'federation_list_endpoint',
  'federation_resolve_endpoint',
  'federation_trust_mark_status_endpoint',
  'federation_trust_mark_list_endpoint',
  'federation_trust_mark_endpoint',
  'federation_historical_keys_endpoint',
] as const;

/** Shape only: an object of objects without null parameters, as JSON. Unknown Entity Types pass unchanged (MD-02). */
export function parseMetadata(value: unknown, where = 'metadata'): Result<Metadata> {
  if (!isObject(value)) return refuse('metadata_invalid', where, 'metadata is an object of Entity Types');
  if (!isJson(value)) return refuse('metadata_invalid', where, 'it holds what is no JSON value, or is nested too deep');
  if (jsonLength(value, MAX_METADATA_BYTES) > MAX_METADATA_BYTES) return refuse('too_large', where, `more than ${MAX_METADATA_BYTES} bytes`);
  const findings = new Findings();
  for (const [type, parameters] of Object.entries(value)) {
    if (findings.full) break;
    if (!isObject(parameters)) {
      findings.add(finding('metadata_invalid', `${where}/${findingPlace(type)}`, 'the metadata of an Entity Type is an object'));
      continue;
    }
    for (const [name, one] of Object.entries(parameters)) {
      if (findings.full) break;
      if (one === null) findings.add(finding('metadata_invalid', `${where}/${findingPlace(type, name)}`, 'a metadata parameter is never null'));
    }
  }
  return findings.all.length ? failure(...findings.all) : success(value as Metadata);
}

/**
 * The Immediate Superior's `metadata` over the subject's own: a parameter of the same name is replaced, others stay,
 * and no Entity Type is added (§3.1.1, §6.1.4.2).
 */
export function applySuperiorMetadata(own: Metadata, superior: Metadata | undefined): Metadata {
  if (!isObject(own) || !isObject(superior)) return own;
  return Object.fromEntries(
    Object.entries(own).map(([type, parameters]) => {
      const above = Object.hasOwn(superior, type) ? superior[type] : undefined;
      return [type, isObject(parameters) && isObject(above) ? { ...parameters, ...above } : parameters];
    }),
  );
}

const isStrings = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');

/** An `https` URL without fragment (§5.1.1); loopback http in development. */
function isEndpointUrl(value: unknown, options: EntityIdOptions): boolean {
  if (typeof value !== 'string' || value.includes('#') || !readUrl(value)) return false;
  return isEntityId(value.split('?')[0], options);
}

export interface MetadataCheck extends EntityIdOptions {
  readonly entityId: string;
  /** The entity has Subordinates: it must publish fetch and list endpoints (§5.1.1). */
  readonly hasSubordinates?: boolean;
}

/**
 * What §5 demands of published metadata beyond its shape: endpoint URLs, no key parameters in `federation_entity`,
 * issuers, where given, equal to the Entity Identifier (§5.1.3; that one is given at all is `missingParameters`' concern).
 * Parameters of Entity Types beyond §5.1 are not looked at. Used for our own statements, by pre-flight and for Resolved Metadata.
 */
export function checkMetadata(metadata: Metadata, check: MetadataCheck): readonly Finding[] {
  const findings = new Findings();
  const no = (where: string, detail: string) => findings.add(finding('metadata_invalid', where ? `metadata/${where}` : 'metadata', detail));
  if (!isObject(metadata)) {
    no('', 'metadata is an object of Entity Types');
    return findings.all;
  }
  if (Object.keys(metadata).length === 0) no('', 'it declares no Entity Type; at least one is needed');
  if (check.hasSubordinates && !Object.hasOwn(metadata, 'federation_entity'))
    no('federation_entity', 'an entity with Subordinates publishes federation_entity metadata');
  for (const type of ENTITY_TYPES) {
    if (!Object.hasOwn(metadata, type)) continue;
    const parameters: unknown = metadata[type];
    if (!isObject(parameters)) {
      no(type, 'the metadata of an Entity Type is an object');
      continue;
    }
    if (type === 'federation_entity') checkFederationEntity(parameters, check, no);
    const { issuer } = parameters;
    if ((type === 'openid_provider' || type === 'oauth_authorization_server') && issuer !== undefined && issuer !== check.entityId)
      no(`${type}/issuer`, `"issuer" is ${quote(issuer)}, not the entity identifier`);
    checkCommon(type, parameters, check, no);
  }
  return findings.all;
}

function checkFederationEntity(entity: Readonly<Record<string, unknown>>, check: MetadataCheck, no: (where: string, detail: string) => void): void {
  for (const name of ['jwks', 'jwks_uri', 'signed_jwks_uri']) {
    if (entity[name] !== undefined) no(`federation_entity/${name}`, 'keys of the Federation Entity stand in the top-level "jwks"');
  }
  for (const name of FEDERATION_ENDPOINTS) {
    if (entity[name] !== undefined && !isEndpointUrl(entity[name], check)) no(`federation_entity/${name}`, 'an endpoint is an https URL without fragment');
    const methods = entity[`${name}_auth_methods`];
    if (methods !== undefined && !isStrings(methods)) no(`federation_entity/${name}_auth_methods`, 'it is an array of strings');
  }
  const algorithms = entity['endpoint_auth_signing_alg_values_supported'];
  if (algorithms !== undefined && (!isStrings(algorithms) || (algorithms as string[]).includes('none'))) {
    no('federation_entity/endpoint_auth_signing_alg_values_supported', 'it is an array of algorithms without "none"');
  }
  for (const name of ['federation_fetch_endpoint', 'federation_list_endpoint']) {
    if (check.hasSubordinates === true && entity[name] === undefined) no(`federation_entity/${name}`, 'an entity with Subordinates publishes this endpoint');
    if (check.hasSubordinates === false && entity[name] !== undefined)
      no(`federation_entity/${name}`, 'a Leaf does not publish this endpoint; enrol the entity as an intermediate');
  }
}

function checkCommon(type: string, parameters: Readonly<Record<string, unknown>>, check: MetadataCheck, no: (where: string, detail: string) => void): void {
  for (const name of ['jwks_uri', 'signed_jwks_uri']) {
    if (type !== 'federation_entity' && parameters[name] !== undefined && !isEndpointUrl(parameters[name], check))
      no(`${type}/${name}`, 'it is an https URL without fragment');
  }
  for (const name of ['contacts', 'keywords']) {
    if (parameters[name] !== undefined && !isStrings(parameters[name])) no(`${type}/${name}`, 'it is an array of strings');
  }
}
