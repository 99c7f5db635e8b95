import { isEntityId, parseEntityId } from '../entity-id.js';
import { finding, type Finding, quote } from '../finding.js';
import { findingPlace } from '../places.js';
import { readUrl } from '../read-url.js';
import { isObject } from '../strict-json.js';

/**
 * For whom an issuer may speak: matchers of a closed list, each with one rule, none of them a pattern. Names are compared as
 * bytes once hosts are in lower case; what is no name of its type matches nothing.
 *
 * | type                  | a name of it                    | matches when                                                        |
 * | --------------------- | ------------------------------- | ------------------------------------------------------------------- |
 * | `dns_domain`          | `db.example.com`                | it is the domain; with `subdomains` also below it, label by label    |
 * | `email_domain`        | `ada@example.com`               | its domain is, by the rule of `dns_domain`                           |
 * | `tenant`              | an identifier of a tenant       | it is just that one                                                  |
 * | `spiffe_trust_domain` | `spiffe://prod.example/agent/7` | its trust domain is just that one: SPIFFE knows no sub-domains       |
 * | `entity_id_prefix`    | an Entity Identifier            | it is that one, or goes on after it with a `/`                       |
 */
export const NAMESPACE_TYPES = ['dns_domain', 'email_domain', 'tenant', 'spiffe_trust_domain', 'entity_id_prefix'] as const;
export type NamespaceType = (typeof NAMESPACE_TYPES)[number];

export interface Namespace {
  readonly type: NamespaceType;
  readonly value: string;
  /** Of domains alone. */
  readonly subdomains?: true;
}

/** Somebody or something that an issuer speaks about. */
export interface SpokenName {
  readonly type: NamespaceType;
  readonly value: string;
}

/** Where names lie, so that whatever is covered begins with what covers it. */
export interface NamespacePlace {
  readonly place: string;
  /** Covers whatever begins with it; else itself alone. */
  readonly deep: boolean;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A domain in lower case; undefined for what is none: one label, an address, a dot at the end, letters outside ASCII. */
function domain(text: string): string | undefined {
  const name = text.toLowerCase();
  const labels = name.length <= 253 ? name.split('.') : [];
  return labels.length >= 2 && labels.every((one) => LABEL.test(one)) && !/^\d+$/.test(labels.at(-1) ?? '') ? name : undefined;
}

/** `db.example.com` is `com.example.db.`: a domain begins with what it is below of, and `badexample.com` does not. */
const reversed = (name: string): string => `${name.split('.').reverse().join('.')}.`;

const domainPlace = (text: string): string | undefined => {
  const name = domain(text);
  return name && reversed(name);
};

/** The domain of an address with just one `@`: quoted ones with more are nobody's. */
function emailPlace(text: string): string | undefined {
  const [local = '', host = '', more] = text.split('@');
  return more === undefined && text.length <= 320 && /^[\x21-\x7e]{1,64}$/.test(local) && !/["(),:;<>[\]\\]/.test(local) ? domainPlace(host) : undefined;
}

const TENANT = /^[\x21-\x7e]{1,200}$/;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
/** SPIFFE ID §2: segments of letters, digits and `.-_`, none of them empty or of dots alone. */
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*)$/;

const entityPlace = (text: string): string => `${text.replace(/\/$/, '')}/`;

/** Where a name lies among those of its type; undefined: it is no such name. */
const NAMES: Readonly<Record<NamespaceType, (value: string) => string | undefined>> = {
  dns_domain: domainPlace,
  email_domain: emailPlace,
  tenant: (value) => (TENANT.test(value) ? value : undefined),
  spiffe_trust_domain: (value) => (value.length <= 2048 ? SPIFFE_ID.exec(value)?.[1] : undefined),
  entity_id_prefix: (value) => (isEntityId(value, { development: true }) ? entityPlace(value) : undefined),
};

const plainPrefix = (value: string): boolean => !value.includes('%') && !value.endsWith('/') && [value, `${value}/`].includes(readUrl(value)?.href ?? '');

interface Rule {
  readonly place: (value: string, development: boolean) => string | undefined;
  readonly words: string;
}
const DOMAIN: Rule = {
  place: (value) => (value === value.toLowerCase() ? domainPlace(value) : undefined),
  words: 'a domain of two labels or more, in lower case and its xn-- form, without a dot at the end',
};
const RULES: Readonly<Record<NamespaceType, Rule>> = {
  dns_domain: DOMAIN,
  email_domain: DOMAIN,
  tenant: { place: NAMES.tenant, words: '1 to 200 visible ASCII characters' },
  spiffe_trust_domain: { place: (value) => (TRUST_DOMAIN.test(value) ? value : undefined), words: 'a SPIFFE trust domain: lower-case letters, digits and .-_' },
  entity_id_prefix: {
    // Spelled as one spells it: what another one spells otherwise would not be seen to overlap.
    place: (value, development) => (parseEntityId(value, { development }).ok && plainPrefix(value) ? entityPlace(value) : undefined),
    words: 'an Entity Identifier in its usual spelling, without a slash at the end and without escapes',
  },
};
const IS_DOMAIN: readonly NamespaceType[] = ['dns_domain', 'email_domain'];

/** Where a namespace lies; undefined: it is none, and covers nothing. */
export function namespacePlace({ type, value, subdomains }: Namespace, development = true): NamespacePlace | undefined {
  const place = Object.hasOwn(RULES, type) && typeof value === 'string' ? RULES[type].place(value, development) : undefined;
  return place === undefined ? undefined : { place, deep: type === 'entity_id_prefix' || (subdomains === true && IS_DOMAIN.includes(type)) };
}

const covers = (one: NamespacePlace, other: NamespacePlace): boolean =>
  one.deep ? other.place.startsWith(one.place) : !other.deep && one.place === other.place;

/** Does a namespace hold every name that another one holds? */
export function namespaceCovers(one: Namespace, other: Namespace): boolean {
  const [a, b] = [namespacePlace(one), namespacePlace(other)];
  return one.type === other.type && a !== undefined && b !== undefined && covers(a, b);
}

/** Is there a name that both hold? */
export function namespacesOverlap(one: Namespace, other: Namespace): boolean {
  const [a, b] = [namespacePlace(one), namespacePlace(other)];
  if (one.type !== other.type || !a || !b) return false;
  return a.place === b.place || (a.deep && b.place.startsWith(a.place)) || (b.deep && a.place.startsWith(b.place));
}

/** Is a name in a namespace? */
export function inNamespace(namespace: Namespace, name: SpokenName): boolean {
  const held = namespacePlace(namespace);
  const { type, value } = (name ?? {}) as Partial<SpokenName>;
  const place = held && type !== undefined && type === namespace.type && typeof value === 'string' ? NAMES[type](value) : undefined;
  return held !== undefined && place !== undefined && covers(held, { place, deep: false });
}

const MEMBERS = ['type', 'value', 'subdomains'];

/** What is wrong with a namespace as somebody wrote it. */
export function namespaceFaults(value: unknown, where: string, development: boolean): readonly Finding[] {
  const no = (place: string, detail: string): readonly Finding[] => [finding('vouching_invalid', place, detail)];
  if (!isObject(value)) return no(where, 'a namespace is an object with type and value');
  const strange = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) return no(`${where}/${findingPlace(strange)}`, `${quote(strange)} is no member of a namespace; it has ${MEMBERS.join(', ')}`);
  const type = NAMESPACE_TYPES.find((one) => one === value['type']);
  if (!type) return no(`${where}/type`, `${quote(value['type'])} is none of ${NAMESPACE_TYPES.join(', ')}`);
  const { value: named, subdomains } = value;
  if (typeof named !== 'string' || RULES[type].place(named, development) === undefined)
    return no(`${where}/value`, `${quote(named)} is not ${RULES[type].words}`);
  if (subdomains === undefined || (IS_DOMAIN.includes(type) && typeof subdomains === 'boolean')) return [];
  return no(`${where}/subdomains`, IS_DOMAIN.includes(type) ? 'it is true or false' : `a ${type} has no sub-domains`);
}
