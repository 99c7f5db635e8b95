import { type Namespace, parseVouchedIssuers, type VouchedIssuer } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import type { HeldIssuer } from '../../store/schema.js';
import { Refusal, refuseFindings } from '../refusal.js';

/** What somebody wants of the issuers a member stands for; pure but for the id of a new one. */

/** As it comes from outside: read and judged here. */
export interface IssuerFields {
  readonly kind: string;
  readonly issuer?: string | undefined;
  readonly jwks_uri?: string | undefined;
  readonly namespaces: unknown;
}

export type IssuerEdit =
  | { readonly add: IssuerFields }
  | { readonly change: string; readonly namespaces?: unknown; readonly jwks_uri?: string | undefined; readonly reason?: string | undefined }
  | { readonly end: string; readonly reason?: string | undefined };

/** @throws Refusal findings */
export function expectIssuers(value: unknown, entityId: string, { development }: { readonly development: boolean }): readonly VouchedIssuer[] {
  const parsed = parseVouchedIssuers(value, entityId, { development });
  if (!parsed.ok) throw refuseFindings('these issuers cannot be vouched for', parsed.findings);
  return parsed.value;
}

/** The list after an edit, and the one that it is about. */
export interface EditedIssuers {
  readonly issuers: readonly HeldIssuer[];
  readonly one: HeldIssuer;
}

const said = ({ id: _, ...issuer }: HeldIssuer): VouchedIssuer => issuer;
const defined = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;

/** @throws Refusal findings, not_found: the issuer has ended meanwhile */
export function editedIssuers(before: readonly HeldIssuer[], edit: IssuerEdit, entityId: string, options: { readonly development: boolean }): EditedIssuers {
  if ('add' in edit) {
    const list = expectIssuers([...before.map(said), defined(edit.add)], entityId, options);
    const one = { ...(list.at(-1) as VouchedIssuer), id: newId('vis') };
    return { issuers: [...before, one], one };
  }
  const id = 'end' in edit ? edit.end : edit.change;
  const old = before.find((held) => held.id === id);
  if (!old) throw new Refusal('not_found', `${entityId} stands for no issuer ${id} any more`);
  if ('end' in edit) return { issuers: before.filter((held) => held !== old), one: old };
  const { namespaces, jwks_uri: keys } = edit;
  const changed = before.map((held) => (held === old ? { ...said(old), ...defined({ namespaces, jwks_uri: keys }) } : said(held)));
  const list = expectIssuers(changed, entityId, options);
  const issuers = list.map((one, n) => ({ ...one, id: (before[n] as HeldIssuer).id }));
  return { issuers, one: issuers[before.indexOf(old)] as HeldIssuer };
}

/** Told whole up to here: what was published is in the statement, whose hash the event has. */
const TOLD = 100;
const named = ({ type, value, subdomains }: Namespace): string => `${type} ${value}${subdomains ? ' and below' : ''}`;

/** As events tell it. */
export const issuerInWords = ({ id, kind, issuer, jwks_uri: keys, namespaces }: HeldIssuer) => ({
  issuer_id: id,
  kind,
  issuer,
  ...(keys !== undefined && { jwks_uri: keys }),
  namespaces: namespaces.map(named).slice(0, TOLD),
});
export const issuersInWords = (issuers: readonly HeldIssuer[]) => issuers.map(issuerInWords);
