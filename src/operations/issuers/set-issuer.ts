import { vouchingNarrows } from '../../federation/entry.js';
import { jsonEqual } from '../../federation/strict-json.js';
import type { ReasonCode } from '../../audit/reason-codes.js';
import type { HeldIssuer } from '../../store/schema.js';
import { issuersAfter, memberOfIssuer } from '../../store/vouched-issuers.js';
import { allow, asWhom, type Call, may } from '../call.js';
import { allowEntitling } from '../entitlements/set-entitlements.js';
import { rewrite } from '../members/rewrite-member.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';
import { type EditedIssuers, editedIssuers, type IssuerEdit, issuerInWords } from './edit-issuers.js';
import { expectNamespacesFree } from './free-namespaces.js';

/** An issuer that a member stands for. */
export interface ShownIssuer {
  readonly member: MemberRow;
  readonly issuer: HeldIssuer;
  readonly ended?: true;
}

export interface IssuerFilter extends PageRequest {
  readonly kind?: string | undefined;
}

/** The one of a member; of a damaged cell none. */
function heldBy(member: MemberRow, id: string): readonly ShownIssuer[] {
  try {
    return member.vouchedIssuers.filter((one) => one.id === id).map((issuer) => ({ member, issuer }));
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Issuers of members that have not ended. */
export async function listIssuers(call: Call, slug: string, { limit, cursor, kind }: IssuerFilter): Promise<Page<ShownIssuer>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const found = page(await issuersAfter(db, id, cursor ?? '', limit + 1, kind), limit, ({ issuerId }) => issuerId);
  return { ...found, items: found.items.flatMap(({ issuerId, member }) => heldBy(member, issuerId)) };
}

const unknown = (id: string) => new Refusal('not_found', `nobody here stands for an issuer ${id}: holdfast issuer list`);

/** @throws Refusal not_found */
export async function showIssuer(call: Call, slug: string, id: string): Promise<ShownIssuer> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const memberId = await memberOfIssuer(db, authority.id, id);
  const [found] = memberId === undefined ? [] : heldBy(await findMember(db, authority.id, memberId), id);
  if (!found) throw unknown(id);
  return found;
}

export interface IssuerSaid {
  readonly version?: number | undefined;
  /** The digest of the decision that the caller looked at. */
  readonly digest?: string | undefined;
  readonly reasonCode?: ReasonCode | undefined;
}

const EVENTS = { add: 'member.issuer_vouched', change: 'member.issuer_changed', end: 'member.issuer_ended' } as const;
const actOf = (edit: IssuerEdit): keyof typeof EVENTS => ('add' in edit ? 'add' : 'end' in edit ? 'end' : 'change');

/**
 * Change which issuers a member stands for. The statement about an active one is signed anew in the same commit. At quorum 2
 * what widens an active member takes two persons; what narrows, and an end, takes one and waits for nobody.
 * @param id of the member
 * @throws Refusal findings, not_found, wrong_state, version_conflict, permission_denied
 */
export async function setIssuer(call: Call<ShownIssuer>, slug: string, id: string, edit: IssuerEdit, said: IssuerSaid = {}): Promise<ShownIssuer> {
  const { version, digest, reasonCode } = said;
  allowEntitling(call, slug, digest);
  const { db } = call.store;
  const plan = (before: MemberRow): EditedIssuers & { readonly widens: boolean } => {
    const edited = editedIssuers(before.vouchedIssuers, edit, before.entityId, call);
    const widens = !vouchingNarrows(before.vouchedIssuers, edited.issuers);
    if (widens && !may(call, 'approve', slug)) {
      if (before.state === 'active')
        throw new Refusal('permission_denied', `${asWhom(call)} may not approve; for whom an active member may speak widens with this, at once`);
      allow(call, 'enroll', slug);
    }
    return { ...edited, widens };
  };
  const seen = plan(await findMember(db, (await findAuthority(db, slug)).id, id));
  let about = seen.one;
  const asked = { request: { act: 'issuer', ...edit }, digest, cuts: !seen.widens };
  const decide = async (before: MemberRow) => {
    const { issuers, one, widens } = plan(before);
    if (widens && !seen.widens) throw new Refusal('version_conflict', 'the member was changed meanwhile, so that this would widen it; look at it again');
    about = one;
    const row: MemberRow = { ...before, vouchedIssuers: issuers, cut: before.cut + 1 };
    const free = widens ? [await expectNamespacesFree(db, row)] : [];
    const act = actOf(edit);
    const detail = { entity_id: before.entityId, ...issuerInWords(one), ...(widens && act === 'change' && { widened: true }) };
    const reason = 'add' in edit ? undefined : edit.reason;
    const events = jsonEqual(before.vouchedIssuers, issuers)
      ? []
      : [{ type: EVENTS[act], subjectKind: 'member' as const, subjectId: before.id, reason, reasonCode, detail }];
    return { row, events, first: free };
  };
  return rewrite(call, slug, id, version, asked, decide, (member) => ({ member, issuer: about, ...('end' in edit && { ended: true as const }) }));
}

/** The same by the id of the issuer. */
export async function setIssuerById(
  call: Call<ShownIssuer>,
  slug: string,
  edit: Exclude<IssuerEdit, { readonly add: unknown }>,
  said: IssuerSaid,
): Promise<ShownIssuer> {
  allowEntitling(call, slug, said.digest);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const id = 'end' in edit ? edit.end : edit.change;
  const memberId = await memberOfIssuer(db, authorityId, id);
  if (memberId === undefined) throw unknown(id);
  return setIssuer(call, slug, memberId, edit, said);
}
