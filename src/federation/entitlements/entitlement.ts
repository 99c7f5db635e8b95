import { type Finding, finding, quote, type Result } from '../finding.js';
import { jsonKey } from '../json-key.js';
import { jsonLength } from '../json-size.js';
import { MAX_ENTITLEMENTS, MAX_ENTITLEMENTS_BYTES, MAX_TEMPLATE_BYTES, MAX_TEMPLATE_DEPTH } from '../limits.js';
import { Findings, findingPlace } from '../places.js';
import { readUrl } from '../read-url.js';
import { isObject } from '../strict-json.js';

/** What a client may be given: a scope (RFC 6749), a type of authorization details (RFC 9396), a resource (RFC 8707), a grant type (RFC 7591). */
export const ENTITLEMENT_KINDS = ['scope', 'authorization_details_type', 'resource', 'grant_type'] as const;
export type EntitlementKind = (typeof ENTITLEMENT_KINDS)[number];

export interface Entitlement {
  readonly kind: EntitlementKind;
  readonly value: string;
  /** Members that authorization details of this type may have; absent: any. */
  readonly template?: Readonly<Record<string, unknown>>;
}

/** scope-token of RFC 6749 §3.3: a space would make two of one, a quotation mark or a backslash is none. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const VISIBLE = /^[\x21-\x7e]{1,2048}$/;

function isResource(value: string): boolean {
  const url = VISIBLE.test(value) ? readUrl(value) : undefined;
  return url !== undefined && !value.includes('#') && !url.username && !url.password;
}

/** What each kind of value has to be, in words. */
const VALUES: Readonly<Record<EntitlementKind, { readonly is: (value: string) => boolean; readonly words: string }>> = {
  scope: {
    is: (value) => SCOPE.test(value),
    words: 'one scope of 1 to 256 visible ASCII characters, without space, quotation mark and backslash (RFC 6749 §3.3)',
  },
  authorization_details_type: { is: (value) => NAME.test(value), words: '1 to 256 visible ASCII characters, without space, quotation mark and backslash' },
  resource: { is: isResource, words: 'an absolute URI without fragment and credentials (RFC 8707 §2), at most 2048 characters' },
  grant_type: { is: (value) => NAME.test(value), words: '1 to 256 visible ASCII characters, without space, quotation mark and backslash' },
};

/** Nested deeper than so many levels? Looks no deeper than that. */
const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1)));

function templateFault(template: unknown): string | undefined {
  if (!isObject(template)) return 'it is no JSON object';
  if (Object.hasOwn(template, 'type')) return 'it has a "type": that is the value of the entitlement';
  if (isDeeper(template, MAX_TEMPLATE_DEPTH)) return `it is nested deeper than ${MAX_TEMPLATE_DEPTH} levels`;
  if (jsonLength(template, MAX_TEMPLATE_BYTES) > MAX_TEMPLATE_BYTES) return `it has more than ${MAX_TEMPLATE_BYTES} characters`;
  return jsonKey(template) === undefined ? 'it holds what JSON has no exact form for, such as an integer beyond 2^53-1' : undefined;
}

const MEMBERS = ['kind', 'value', 'template'];

function faultsOf(value: unknown, where: string): readonly Finding[] {
  const no = (place: string, detail: string): Finding => finding('entitlement_invalid', place, detail);
  if (!isObject(value)) return [no(where, 'an entitlement is an object with kind and value')];
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return [no(`${where}/${findingPlace(unknown)}`, `${quote(unknown)} is no member of an entitlement; it has ${MEMBERS.join(', ')}`)];
  const { kind, value: named, template } = value;
  const known = ENTITLEMENT_KINDS.find((one) => one === kind);
  if (known === undefined) return [no(`${where}/kind`, `${quote(kind)} is none of ${ENTITLEMENT_KINDS.join(', ')}`)];
  if (typeof named !== 'string' || !VALUES[known].is(named)) return [no(`${where}/value`, `${quote(named)} is not ${VALUES[known].words}`)];
  if (template === undefined) return [];
  if (known !== 'authorization_details_type') return [no(`${where}/template`, `only an authorization_details_type has a template, not a ${known}`)];
  const fault = templateFault(template);
  return fault === undefined ? [] : [no(`${where}/template`, fault)];
}

/** Equal entitlements have the same key. */
export const entitlementKey = ({ kind, value, template }: Entitlement): string => `${kind} ${value} ${template === undefined ? '' : jsonKey(template)}`;

/** By kind and value, so that the same entitlements give the same statement whoever wrote them down. */
export function inOrder(list: readonly Entitlement[]): readonly Entitlement[] {
  const keyed = new Map(list.map((one) => [entitlementKey(one), one]));
  return [...keyed].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, one]) => one);
}

/**
 * A list of entitlements as somebody wrote it, in order. A value that stands there twice is refused: one of the two was meant to be
 * another. Of authorization details one type may have several templates.
 */
export function parseEntitlements(value: unknown, where = 'entitlements'): Result<readonly Entitlement[]> {
  if (!Array.isArray(value)) return { ok: false, findings: [finding('entitlement_invalid', where, 'it is no list of entitlements')] };
  if (value.length > MAX_ENTITLEMENTS)
    return { ok: false, findings: [finding('too_many', where, `${value.length} entitlements, more than ${MAX_ENTITLEMENTS}`)] };
  const findings = new Findings();
  const seen = new Map<string, number>();
  for (const [n, one] of value.entries()) {
    const place = `${where}/${n}`;
    const faults = faultsOf(one, place);
    findings.add(...faults);
    if (faults.length) continue;
    const key = entitlementKey(one as Entitlement);
    const first = seen.get(key);
    if (first !== undefined)
      findings.add(
        finding('entitlement_invalid', place, `the ${(one as Entitlement).kind} ${quote((one as Entitlement).value)} stands at ${where}/${first} already`),
      );
    seen.set(key, first ?? n);
  }
  if (findings.all.length) return { ok: false, findings: findings.all };
  const list = inOrder(value as readonly Entitlement[]);
  if (jsonLength(list, MAX_ENTITLEMENTS_BYTES) > MAX_ENTITLEMENTS_BYTES)
    return { ok: false, findings: [finding('too_large', where, `more than ${MAX_ENTITLEMENTS_BYTES} characters of JSON`)] };
  return { ok: true, value: list };
}
