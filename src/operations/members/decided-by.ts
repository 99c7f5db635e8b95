import { evidenceFor, standingFor } from '../../store/accreditations.js';
import { bundlesOf } from '../../store/bundles.js';
import type { Database } from '../../store/database.js';
import { personBehind } from '../../store/people.js';
import { consent, type Consent, type Matter } from '../deciding/consent.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, type MemberRow, publishedPolicy } from '../registry.js';
import { contentDigest, isStale } from './vetted.js';
import { waivedOf } from './waivers.js';

/** Who may not be one of the two. */
export async function barredFor(db: Database, before: MemberRow, kind: 'application' | 'resume'): Promise<NonNullable<Matter['barred']>> {
  const editor = kind === 'application' || (await isStale(before)) ? await personBehind(db, before.lastEditor) : undefined;
  const submitter = kind === 'application' ? await personBehind(db, before.submittedBy) : undefined;
  return new Map([...(editor ? [[editor, 'editor_cannot_approve'] as const] : []), ...(submitter ? [[submitter, 'self_approval'] as const] : [])]);
}

/**
 * What of a member is decided: its content, under the policy in force.
 * @throws Refusal wrong_state when a cell of it cannot be read
 */
export async function memberContent(db: Database, row: MemberRow): Promise<Readonly<Record<string, unknown>>> {
  const sha256 = await contentDigest(row);
  if (sha256 === null) throw new Refusal('wrong_state', `a cell of ${row.entityId} is damaged, so nobody can decide about it (holdfast fsck)`);
  const waived = waivedOf(row);
  return {
    entity_id: row.entityId,
    content_sha256: sha256,
    policy_version: (await publishedPolicy(db, row.authorityId))?.version ?? null,
    entity_types: row.entityTypes,
    intermediate: row.intermediate,
    kids: row.jwks.keys.map(({ kid }) => kid),
    constraints: row.constraints,
    // Raised by each edit, cut and return: whoever approved before did not know of it, also where in the end the same stands there.
    cut: row.cut,
    ...(waived.length && { waived }),
    ...(await entitledContent(db, row)),
    ...(await accreditedContent(db, row)),
    ...(row.vouchedIssuers.length && { vouched_issuers: row.vouchedIssuers }),
  };
}

/** What it is accredited by, with the evidence, and until when somebody answers for it; nothing where there is none. */
async function accreditedContent(db: Database, { id, authorityId, organizationId, reattestBy }: MemberRow): Promise<object> {
  const rows = await standingFor(db, authorityId, { id, organizationId });
  const handedIn = await evidenceFor(
    db,
    authorityId,
    rows.map((one) => one.id),
  );
  const accreditations = rows
    .map((one) => ({
      id: one.id,
      kind: one.kind,
      state: one.state,
      valid_from: one.validFrom,
      valid_until: one.validUntil,
      evidence: handedIn
        .filter(({ subjectId }) => subjectId === one.id)
        .map(({ sha256 }) => sha256)
        .toSorted(),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return { ...(accreditations.length && { accreditations }), ...(reattestBy !== null && { reattest_by: reattestBy }) };
}

async function entitledContent(db: Database, { authorityId, entitlements, bundles }: MemberRow): Promise<object> {
  if (entitlements === null && bundles.length === 0) return {};
  return { entitlements, bundles: await bundleVersions(db, authorityId, bundles) };
}

/** Bundles by name with their versions: what they give is decided with whoever has them, or is about to have them. */
export async function bundleVersions(db: Database, authorityId: string, names: readonly string[]): Promise<Readonly<Record<string, number | null>>> {
  const known = names.length ? await bundlesOf(db, authorityId) : undefined;
  return Object.fromEntries(names.map((name) => [name, known?.get(name)?.v ?? null]));
}

/** Two persons for the approval or the resumption of a member, where the quorum is 2. */
export async function memberConsent(
  call: Call,
  of: AuthorityRow,
  before: MemberRow,
  kind: 'application' | 'resume',
  asked: { readonly request: Readonly<Record<string, unknown>>; readonly seen?: string | undefined; readonly note?: string | undefined },
): Promise<Consent> {
  if (of.quorum < 2) return consent(call, of.quorum, { ...asked, kind, subjectId: before.id, authority: of, chain: of.id, permission: 'approve', content: {} });
  const { db } = call.store;
  return consent(call, of.quorum, {
    ...asked,
    kind,
    subjectId: before.id,
    authority: of,
    chain: of.id,
    permission: 'approve',
    content: await memberContent(db, before),
    barred: await barredFor(db, before, kind),
  });
}
