import { eq } from 'drizzle-orm';
import { CLIENT_TYPES, type Entitlement, entitlementsNarrow, type Finding, finding, type Metadata } from '../../federation/entry.js';
import { entitlementKey } from '../../federation/entitlements/entitlement.js';
import { bundlesOf } from '../../store/bundles.js';
import type { NewEvent } from '../../store/event.js';
import { memberWatch } from '../../store/schema.js';
import { allow, asWhom, type Call, may } from '../call.js';
import { asErrors, asWarnings, isError, type Judged } from '../judged.js';
import { entitledAlike } from '../members/registration.js';
import { rewrite } from '../members/rewrite-member.js';
import { comparedWith } from '../policies/policies.js';
import { replay } from '../policies/policy-replay.js';
import { wouldWait } from '../deciding/waiting.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, expectVersion, findAuthority, findMember, type MemberRow, publishedPolicy } from '../registry.js';
import { expectEntitled } from './check-entitled.js';
import { edited, type EntitlementEdit } from './edit-entitlements.js';
import { type Bundles, entitledTo, policyAbout } from './effective.js';

export interface ShownEntitlements {
  readonly member: MemberRow;
  /** All that it may ask for, with what bundles give; null: nothing limits it. */
  readonly effective: readonly Entitlement[] | null;
  readonly findings: readonly Judged[];
  /** Of a dry run: the client's metadata as this authority's statement leaves it; null: it breaks. */
  readonly preview?: { readonly before: Metadata | null; readonly after: Metadata | null; readonly widens: boolean };
  /** Of a dry run: it would wait for a second person. */
  readonly waits?: boolean;
}

export interface EntitlementsChange extends EntitlementEdit {
  readonly version?: number | undefined;
  /** The digest of the decision that the caller looked at. */
  readonly digest?: string | undefined;
}

const shown = (member: MemberRow, bundles: Bundles, findings: readonly Judged[] = []): ShownEntitlements => ({
  member,
  effective: entitledTo(member, bundles) ?? null,
  findings,
});

export async function showEntitlements(call: Call, slug: string, id: string): Promise<ShownEntitlements> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  return shown(await findMember(db, authority.id, id), await bundlesOf(db, authority.id));
}

/** Taking away is for whoever may cut, giving for whoever may approve; of a member that is not in force both are for whoever enrols. */
export function allowEntitling(call: Call, slug: string, digest: string | undefined): void {
  if (digest !== undefined) allow(call, 'approve', slug);
  else if (!may(call, 'enroll', slug) && !may(call, 'approve', slug)) allow(call, 'cut', slug);
}

interface Plan {
  readonly row: MemberRow;
  readonly widens: boolean;
  readonly bundles: Bundles;
  readonly policy: Awaited<ReturnType<typeof publishedPolicy>>;
}

/** @throws Refusal findings, permission_denied */
async function planOf(call: Call, authority: AuthorityRow, before: MemberRow, change: EntitlementEdit): Promise<Plan> {
  const { db } = call.store;
  const [bundles, policy] = await Promise.all([bundlesOf(db, authority.id), publishedPolicy(db, authority.id)]);
  const row: MemberRow = { ...before, ...edited(before, change), cut: before.cut + 1 };
  const widens = !entitlementsNarrow(entitledTo(before, bundles), entitledTo(row, bundles));
  if (widens && !may(call, 'approve', authority.slug)) {
    if (before.state === 'active')
      throw new Refusal('permission_denied', `${asWhom(call)} may not approve; what an active member is entitled to widens with this, at once`);
    allow(call, 'enroll', authority.slug);
  }
  expectEntitled({ authority, policy, bundles }, row, before, call.now());
  return { row, widens, bundles, policy };
}

/** What superiors say of it. What only takes away does not depend on them. */
async function underSuperiors(call: Call, authority: AuthorityRow, { row, widens, bundles, policy }: Plan): Promise<readonly Judged[]> {
  const rules = policyAbout(policy?.policy ?? {}, row, bundles);
  if (!rules.ok || entitledTo(row, bundles) === undefined) return [];
  const found: Judged[] = [];
  for (const superior of authority.authorityHints) found.push(...(await comparedWith(call, superior, authority.entityId, rules.value)));
  return widens ? found : asWarnings(found);
}

const words = (list: readonly Entitlement[] | null): readonly string[] =>
  (list ?? []).map(({ kind, value, template }) => `${kind} ${value}${template === undefined ? '' : ' (template)'}`);
/** Told whole up to here: what was published is in the statement, whose hash the event has. */
const TOLD = 100;

function eventOf(before: MemberRow, row: MemberRow): NewEvent {
  const lacks = (of: MemberRow, other: MemberRow) => {
    const there = new Set((other.entitlements ?? []).map(entitlementKey));
    return words((of.entitlements ?? []).filter((one) => !there.has(entitlementKey(one)))).slice(0, TOLD);
  };
  return {
    type: 'member.entitlements_changed',
    subjectKind: 'member',
    subjectId: before.id,
    detail: {
      entity_id: before.entityId,
      added: lacks(row, before),
      removed: lacks(before, row),
      bundles: row.bundles,
      limited: row.entitlements !== null || row.bundles.length > 0,
      entitlement_version: before.entitlementVersion + 1,
    },
  };
}

/**
 * Change what a member may ask for. The statement about an active one is signed anew in the same commit. At quorum 2 what widens
 * an active member takes two persons; what narrows takes one and waits for nobody.
 * @throws Refusal findings, wrong_state, version_conflict, permission_denied
 */
export async function setEntitlements(call: Call<ShownEntitlements>, slug: string, id: string, change: EntitlementsChange): Promise<ShownEntitlements> {
  const { version, digest, ...edit } = change;
  allowEntitling(call, slug, digest);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const seen = await planOf(call, authority, await findMember(db, authority.id, id), edit);
  // What only takes away is not held up by somebody else's server.
  const findings = seen.widens ? await underSuperiors(call, authority, seen) : [];
  if (findings.some(isError)) throw refuseFindings('a superior does not let these entitlements through', findings);
  let bundles: Bundles = seen.bundles;
  const asked = { request: { act: 'entitlements', ...edit }, digest, cuts: !seen.widens };
  const decide = async (before: MemberRow) => {
    const plan = await planOf(call, await findAuthority(db, slug), before, edit);
    if (plan.widens && !seen.widens) throw new Refusal('version_conflict', 'the member was changed meanwhile, so that this would widen it; look at it again');
    bundles = plan.bundles;
    return { row: plan.row, events: entitledAlike(before, plan.row) ? [] : [eventOf(before, plan.row)] };
  };
  return rewrite(call, slug, id, version, asked, decide, (row) => shown(row, bundles, findings));
}

/** What a change would do, and to the client's metadata as it was seen last. @param call a rehearsal @throws Refusal as the change does */
export async function rehearseEntitlements(call: Call<ShownEntitlements>, slug: string, id: string, change: EntitlementsChange): Promise<ShownEntitlements> {
  const waits = await wouldWait(setEntitlements(call, slug, id, change));
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const before = await findMember(db, authority.id, id);
  expectVersion(before, change.version);
  const plan = await planOf(call, authority, before, change);
  const above = await underSuperiors(call, authority, plan);
  if (above.some(isError)) throw refuseFindings('a superior does not let these entitlements through', above);
  const { own, findings } = await declaredBy(call, before);
  const input = { metadataPolicy: plan.policy?.policy, metadataPolicyCrit: plan.policy?.crit, constraints: plan.policy?.constraints };
  const was = replay(own, before, input, plan.bundles);
  const is = replay(own, plan.row, input, plan.bundles);
  return {
    ...shown(plan.row, plan.bundles, [...above, ...asWarnings(findings), ...asErrors(is.findings)]),
    preview: { before: clientsIn(was.after), after: clientsIn(is.after), widens: plan.widens },
    waits,
  };
}

const clientsIn = (metadata: Metadata | null): Metadata | null =>
  metadata && Object.fromEntries(Object.entries(metadata).filter(([type]) => (CLIENT_TYPES as readonly string[]).includes(type)));

/** What the member says of itself; nothing but its types where nobody has looked yet. */
async function declaredBy({ store: { db } }: Call, { id, entityTypes }: MemberRow): Promise<{ readonly own: Metadata; readonly findings: readonly Finding[] }> {
  const [watched] = await db.select({ metadata: memberWatch.metadata }).from(memberWatch).where(eq(memberWatch.memberId, id)).limit(1);
  if (watched?.metadata) return { own: watched.metadata, findings: [] };
  const types = entityTypes.filter((type) => (CLIENT_TYPES as readonly string[]).includes(type));
  const own = Object.fromEntries((types.length ? types : CLIENT_TYPES).map((type) => [type, {}]));
  const detail = 'its metadata was never seen: this is what becomes of a client that says nothing of itself';
  return { own, findings: [finding('metadata_invalid', 'metadata', detail, true)] };
}
