import { type EntityIdOptions, isLoopbackHost, parseEntityId } from '../entity-id.js';
import { finding, type Finding, quote, type Result } from '../finding.js';
import { Findings, findingPlace } from '../places.js';
import { readUrl } from '../read-url.js';
import { isObject } from '../strict-json.js';
import { inNamespace, type Namespace, namespaceCovers, namespaceFaults, type SpokenName } from './namespace.js';

/**
 * The claim of a Subordinate Statement that says which issuers its subject stands for, and for whom each may speak. A claim and
 * not metadata: metadata of a superior is put over what the subject declares and goes through policies (§6.1.4), and this is
 * nothing the subject says of itself. OpenID Federation 1.0 §3 lets applications use additional claims; whoever does not know
 * one passes over it, which is right here, as nobody who does not ask may take an issuer for vouched for. So it is not in
 * `crit`, which would make every other verifier refuse the chain. Its name is a Collision-Resistant Name (RFC 7519 §2), by a UUID.
 */
export const VOUCHED_ISSUERS = 'urn:uuid:ee0939fe-4d9c-47f7-81b5-e4c73cb10cc2#vouched_issuers';

/**
 * What the issuer issues: identity assertions (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant), grants for workloads and
 * agents of a platform (Workload Authorization Grant), attestations of clients (attestation-based client authentication). Others
 * are named by a URI.
 */
export const ISSUER_KINDS = ['id_jag', 'workload_grant', 'attester'] as const;

export interface VouchedIssuer {
  /** One of ISSUER_KINDS, or a URI. */
  readonly kind: string;
  /** The subject of the statement itself, or a URL of the same organization. */
  readonly issuer: string;
  /** Of an issuer that is not the subject: where its keys lie. */
  readonly jwks_uri?: string;
  readonly namespaces: readonly Namespace[];
}

const MAX_ISSUERS = 20;
const MAX_NAMESPACES = 100;
const MAX_URL = 2048;
const MEMBERS = ['kind', 'issuer', 'jwks_uri', 'namespaces'];

const isKind = (kind: unknown): kind is string =>
  typeof kind === 'string' &&
  ((ISSUER_KINDS as readonly string[]).includes(kind) || (/^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,200}$/.test(kind) && readUrl(kind) !== undefined));

/** https without credentials and fragment; an issuer has no query either (RFC 8414 §2). */
function isPlace(value: unknown, { development }: EntityIdOptions, query: boolean): value is string {
  const url = typeof value === 'string' && value.length <= MAX_URL && /^[\x21-\x7e]+$/.test(value) ? readUrl(value) : undefined;
  if (!url || url.username || url.password || (value as string).includes('#') || (!query && (value as string).includes('?'))) return false;
  return url.protocol === 'https:' || (development === true && url.protocol === 'http:' && isLoopbackHost(url.hostname));
}

function faultsOf(value: unknown, where: string, subject: string, options: EntityIdOptions): readonly Finding[] {
  const no = (place: string, detail: string): readonly Finding[] => [finding('vouching_invalid', place, detail)];
  if (!isObject(value)) return no(where, 'a vouched issuer is an object with kind and namespaces');
  const strange = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) return no(`${where}/${findingPlace(strange)}`, `${quote(strange)} is no member of a vouched issuer; it has ${MEMBERS.join(', ')}`);
  const { kind, issuer = subject, jwks_uri: keys, namespaces } = value;
  if (!isKind(kind)) return no(`${where}/kind`, `${quote(kind)} is none of ${ISSUER_KINDS.join(', ')}, and no URI`);
  if (issuer !== subject && !isPlace(issuer, options, false))
    return no(`${where}/issuer`, `${quote(issuer)} is no https URL without query, fragment and credentials`);
  if (issuer !== subject && !plainIssuer(String(issuer))) return no(`${where}/issuer`, `${quote(issuer)} is not in its usual spelling`);
  if (issuer === subject && keys !== undefined) return no(`${where}/jwks_uri`, 'the member itself is the issuer: its keys are in its own metadata');
  if (issuer !== subject && !isPlace(keys, options, true))
    return no(
      `${where}/jwks_uri`,
      keys === undefined ? 'it says where the keys of the issuer lie' : `${quote(keys)} is no https URL without fragment and credentials`,
    );
  if (!Array.isArray(namespaces) || namespaces.length === 0) return no(`${where}/namespaces`, 'it says for whom the issuer may speak: a list, not empty');
  if (namespaces.length > MAX_NAMESPACES) return [finding('too_many', `${where}/namespaces`, `${namespaces.length} namespaces, more than ${MAX_NAMESPACES}`)];
  return namespaces.flatMap((one, n) => namespaceFaults(one, `${where}/namespaces/${n}`, options.development === true));
}

/** Spelled as one spells it, so that an issuer that another one spells otherwise is seen to be the same: with a slash at the end or without. */
const plainIssuer = (value: string): boolean => {
  const url = readUrl(value);
  return url !== undefined && !url.hostname.endsWith('.') && [value, `${value}/`].includes(url.href);
};

const keyOf = ({ type, value, subdomains }: Namespace): string => `${type} ${value} ${subdomains === true}`;

/** In order, each namespace once, so that the same words give the same statement. */
function tidy(value: Omit<VouchedIssuer, 'issuer'> & { readonly issuer?: string }, subject: string): VouchedIssuer {
  const { kind, issuer = subject, jwks_uri: keys, namespaces } = value;
  const keyed = new Map(
    namespaces.map(({ type, value: named, subdomains }) => {
      const one: Namespace = { type, value: named, ...(subdomains === true && { subdomains }) };
      return [keyOf(one), one] as const;
    }),
  );
  return { kind, issuer, ...(keys !== undefined && { jwks_uri: keys }), namespaces: [...keyed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one) };
}

/** Vouched issuers of one subject, as somebody wrote them. */
export function parseVouchedIssuers(
  value: unknown,
  subject: string,
  options: EntityIdOptions = {},
  where = 'vouched_issuers',
): Result<readonly VouchedIssuer[]> {
  if (!Array.isArray(value)) return { ok: false, findings: [finding('vouching_invalid', where, 'it is no list of vouched issuers')] };
  if (value.length > MAX_ISSUERS) return { ok: false, findings: [finding('too_many', where, `${value.length} vouched issuers, more than ${MAX_ISSUERS}`)] };
  const findings = new Findings();
  const seen = new Set<string>();
  const list: VouchedIssuer[] = [];
  for (const [n, one] of value.entries()) {
    const faults = faultsOf(one, `${where}/${n}`, subject, options);
    findings.add(...faults);
    if (faults.length) continue;
    const issuer = tidy(one as VouchedIssuer, subject);
    const name = `${issuer.kind} ${issuer.issuer}`;
    if (seen.has(name))
      findings.add(finding('vouching_invalid', `${where}/${n}`, `the ${quote(issuer.kind)} issuer ${quote(issuer.issuer)} stands there already`));
    seen.add(name);
    list.push(issuer);
  }
  return findings.all.length ? { ok: false, findings: findings.all } : { ok: true, value: list };
}

const sameIssuer = (one: VouchedIssuer, other: VouchedIssuer): boolean =>
  one.kind === other.kind && one.issuer === other.issuer && one.jwks_uri === other.jwks_uri;

/** May nobody speak for anybody with these who might not before? */
export const vouchingNarrows = (before: readonly VouchedIssuer[], after: readonly VouchedIssuer[]): boolean =>
  after.every((one) => {
    const had = before.filter((other) => sameIssuer(other, one)).flatMap(({ namespaces }) => namespaces);
    return one.namespaces.every((namespace) => had.some((other) => namespaceCovers(other, namespace)));
  });

/**
 * Which issuers a Subordinate Statement lets speak for a name; none: nobody may. The claims are those of a statement whose chain
 * was validated: who its issuer is, and that it is in force, this does not ask. What it does not understand grants nothing.
 */
export function maySpeakFor(statementClaims: Readonly<Record<string, unknown>>, kind: string, name: SpokenName): readonly VouchedIssuer[] {
  if (!isObject(statementClaims) || !isObject(name)) return [];
  const { sub } = statementClaims;
  const said = Object.hasOwn(statementClaims, VOUCHED_ISSUERS) ? statementClaims[VOUCHED_ISSUERS] : undefined;
  if (!Array.isArray(said) || !parseEntityId(sub, { development: true }).ok) return [];
  return said.slice(0, MAX_ISSUERS).flatMap((one: unknown) => {
    // One that names kinds of namespaces of a later version is understood in the others.
    if (!isObject(one) || one['kind'] !== kind || !Array.isArray(one['namespaces'])) return [];
    const known = one['namespaces'].slice(0, MAX_NAMESPACES).filter((space) => namespaceFaults(space, '', true).length === 0) as Namespace[];
    const whole = { ...one, namespaces: known };
    const holds = known.some((space) => inNamespace(space, name)) && faultsOf(whole, '', String(sub), { development: true }).length === 0;
    return holds ? [tidy(whole as unknown as VouchedIssuer, String(sub))] : [];
  });
}
