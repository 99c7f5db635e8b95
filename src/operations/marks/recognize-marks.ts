import { and, asc, eq } from 'drizzle-orm';
import { type Finding, isEntityId, isTrustMarkType, type JwkSet, signTrustMarkDelegation, usableKeys } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { trustMarkDelegation } from '../../store/schema.js';
import { changeAuthority } from '../authorities/authorities.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { keysLeftOut, type WithFindings } from '../judged.js';
import { issuerOf, orRefuse } from '../artefacts/publish.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';

export interface Recognition {
  readonly type: string;
  /** Who may issue it; an empty list means anyone (OpenID Federation 1.0 §3.1.2); undefined leaves it as it is. */
  readonly issuers?: readonly string[] | undefined;
  /** Who owns it, with the keys that sign delegations; null removes the owner. */
  readonly owner?: { readonly sub: string; readonly jwks: unknown } | null | undefined;
}

type Claims = Readonly<Record<string, unknown>>;
const objectOf = (claims: Claims, name: string): Claims => (claims[name] as Claims | undefined) ?? {};
const inOwner = (findings: readonly Finding[]) => findings.map((one) => ({ ...one, where: `owner/${one.where}` }));
const without = (claims: Claims, name: string): Claims => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

/**
 * Say in a Trust Anchor's configuration who may issue a type of mark and who owns it (`trust_mark_issuers`,
 * `trust_mark_owners`, §3.1.2). The configuration is signed anew at once.
 * @throws Refusal invalid_request, findings
 */
export async function recognizeMarkType(call: Call<WithFindings<AuthorityRow>>, slug: string, input: Recognition): Promise<WithFindings<AuthorityRow>> {
  allow(call, 'administer', slug);
  if (!isTrustMarkType(input.type)) throw new Refusal('invalid_request', 'a trust mark type is a URL (§7.1)');
  for (const issuer of input.issuers ?? [])
    if (!isEntityId(issuer, call)) throw new Refusal('invalid_request', `the issuer ${issuer.slice(0, 100)} is no entity identifier`);
  const { claims, v: version } = await findAuthority(call.store.db, slug);
  const set: Record<string, unknown> = { ...claims };
  let leftOut: readonly Finding[] = [];
  if (input.issuers) set['trust_mark_issuers'] = { ...objectOf(claims, 'trust_mark_issuers'), [input.type]: input.issuers };
  if (input.owner === null) set['trust_mark_owners'] = without(objectOf(claims, 'trust_mark_owners'), input.type);
  else if (input.owner) {
    if (!isEntityId(input.owner.sub, call)) throw new Refusal('invalid_request', 'the owner is no entity identifier');
    const keys = usableKeys(input.owner.jwks);
    if (!keys.ok) throw refuseFindings("the owner's keys cannot be published", inOwner(keys.findings));
    leftOut = inOwner(keys.value.ignored);
    set['trust_mark_owners'] = { ...objectOf(claims, 'trust_mark_owners'), [input.type]: { sub: input.owner.sub, jwks: keys.value.jwks satisfies JwkSet } };
  }
  return changeAuthority(call, slug, { claims: dropEmpty(set), version }, keysLeftOut(leftOut));
}

/** Recognize a type no longer: it goes from issuers and owners. */
export async function forgetMarkType(call: Call<AuthorityRow>, slug: string, type: string): Promise<AuthorityRow> {
  allow(call, 'administer', slug);
  const { claims, v: version } = await findAuthority(call.store.db, slug);
  const set: Record<string, unknown> = { ...claims };
  for (const name of ['trust_mark_issuers', 'trust_mark_owners'])
    if (set[name] !== undefined) Object.assign(set, { [name]: without(objectOf(claims, name), type) });
  return changeAuthority(call, slug, { claims: dropEmpty(set), version });
}

const dropEmpty = (claims: Claims): Claims =>
  Object.fromEntries(
    Object.entries(claims).filter(
      ([name, value]) => !(name.startsWith('trust_mark_') && typeof value === 'object' && value !== null && Object.keys(value).length === 0),
    ),
  );

export type DelegationRow = typeof trustMarkDelegation.$inferSelect;

export interface Delegating {
  readonly type: string;
  readonly issuer: string;
  readonly lifetime?: number | undefined;
  readonly ref?: string | undefined;
}

const MAX_DELEGATION_LIFETIME = 5 * 366 * 24 * 60 * 60;
const DEFAULT_DELEGATION_LIFETIME = 366 * 24 * 60 * 60;

/**
 * As the owner of a type, let another entity issue marks of it (§7.2). The compact JWT goes to that issuer, who puts it
 * into its marks; it verifies with the keys a Trust Anchor lists for us in `trust_mark_owners`.
 * @throws Refusal invalid_request, findings
 */
export async function delegateMarkType(call: Call<DelegationRow>, slug: string, input: Delegating, seen: Seen = {}): Promise<DelegationRow> {
  allow(call, 'administer', slug);
  const lifetime = input.lifetime ?? DEFAULT_DELEGATION_LIFETIME;
  if (lifetime < 3600 || lifetime > MAX_DELEGATION_LIFETIME) throw new Refusal('invalid_request', `a lifetime is 3600 to ${MAX_DELEGATION_LIFETIME} seconds`);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const id = newId('tmd');
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const of = await findAuthority(call.store.db, slug);
      const agreed = await consent(call, of.quorum, {
        kind: 'delegation',
        subjectId: input.type,
        authority: of,
        chain: authorityId,
        permission: 'administer',
        content: { trust_mark_type: input.type, to: input.issuer, lifetime, ref: input.ref ?? null, cut: of.cut },
        request: { ...input },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const issuer = await issuerOf(call, of);
      const iat = call.now();
      const claims = {
        iss: issuer.authority.entityId,
        sub: input.issuer,
        trust_mark_type: input.type,
        iat,
        exp: iat + lifetime,
        ...(input.ref !== undefined && { ref: input.ref }),
      };
      const bytes = orRefuse('the delegation', await signTrustMarkDelegation(claims, { signer: issuer.signer, development: call.development }));
      const row: DelegationRow = { id, authorityId, trustMarkType: input.type, sub: input.issuer, bytes, iat, exp: claims.exp };
      return {
        events: [
          {
            type: 'trust_mark_type.delegated',
            subjectKind: 'trust_mark_type',
            subjectId: input.type,
            detail: { to: input.issuer, exp: claims.exp, kid: issuer.signer.kid, ...agreed.detail },
          },
        ],
        statements: [...agreed.statements, insertRows(trustMarkDelegation, [row])],
        result: row,
      };
    },
  });
}

export async function listDelegations(call: Call, slug: string, type?: string): Promise<readonly DelegationRow[]> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return call.store.db
    .select()
    .from(trustMarkDelegation)
    .where(and(eq(trustMarkDelegation.authorityId, id), type === undefined ? undefined : eq(trustMarkDelegation.trustMarkType, type)))
    .orderBy(asc(trustMarkDelegation.iat));
}
