import { newId } from '../../keys/random.js';
import { type AccreditationRow, countAbout, putAccreditation } from '../../store/accreditations.js';
import { allow, type Call, change } from '../call.js';
import { organizationOrRefuse } from '../organizations/find-organization.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember } from '../registry.js';
import { findAccreditation } from './find-accreditation.js';

export interface AccreditationInput {
  readonly kind: string;
  readonly issuer: string;
  readonly reference?: string | undefined;
  /** Seconds since the epoch; left out: now. */
  readonly validFrom?: number | undefined;
  readonly validUntil?: number | null | undefined;
}

/** What is left out is as of the one before; the dates are new. */
export type Renewal = { readonly [K in keyof Omit<AccreditationInput, 'kind'>]?: AccreditationInput[K] | undefined };

export interface NewAccreditation extends AccreditationInput {
  /** Our id or the entity identifier; just one of the two. */
  readonly member?: string | undefined;
  /** Our id or the legal name. */
  readonly organization?: string | undefined;
}

/** Kinds that are known by name; others are free. */
export const KINDS = ['legal_entity', 'iso27001', 'security_review', 'contract', 'insurance'] as const;
export const KIND = /^[a-z0-9][a-z0-9_.-]{0,63}$/;

/** Of one member or organization no more stand. */
const MOST = 200;

function expectDates(validFrom: number, validUntil: number | null, now: number): void {
  if (validUntil === null) return;
  if (validUntil <= validFrom) throw new Refusal('invalid_request', `valid_until (${validUntil}) does not come after valid_from (${validFrom})`);
  if (validUntil <= now) throw new Refusal('invalid_request', `it has ended already, at ${validUntil}; add one that is in force, or is to be`);
}

interface About {
  readonly memberId: string | null;
  readonly organizationId: string | null;
}

async function subjectOf(call: Call, authorityId: string, { member, organization }: NewAccreditation): Promise<About> {
  if ((member === undefined) === (organization === undefined))
    throw new Refusal('invalid_request', 'say whom it is about: a member or an organization, and not both');
  if (member !== undefined) return { memberId: (await findMember(call.store.db, authorityId, member)).id, organizationId: null };
  return { memberId: null, organizationId: (await organizationOrRefuse(call, authorityId, organization as string)).id };
}

/** Put an accreditation on record. It counts for nothing before somebody has verified it. @throws Refusal invalid_request, not_found */
export async function addAccreditation(call: Call<AccreditationRow>, slug: string, input: NewAccreditation): Promise<AccreditationRow> {
  return add(call, slug, async (authorityId) => ({ about: await subjectOf(call, authorityId, input), input, renews: undefined }));
}

/**
 * Put on record what renews an accreditation, from when on it does and until when. The one before stays as it is until its own
 * end; what hangs on it passes to this one when somebody has verified it.
 * @throws Refusal wrong_state for one that was withdrawn
 */
export async function renewAccreditation(call: Call<AccreditationRow>, slug: string, id: string, input: Renewal): Promise<AccreditationRow> {
  return add(call, slug, async (authorityId) => {
    const renews = await findAccreditation(call.store.db, authorityId, id);
    if (renews.state === 'withdrawn') throw new Refusal('wrong_state', 'it was withdrawn, and nothing renews it; add another one: holdfast accreditation add');
    const { kind, issuer, reference } = renews;
    return { about: renews, input: { ...input, kind, issuer: input.issuer ?? issuer, reference: input.reference ?? reference ?? undefined }, renews };
  });
}

interface Adding {
  readonly about: About;
  readonly input: AccreditationInput;
  readonly renews: AccreditationRow | undefined;
}

async function add(call: Call<AccreditationRow>, slug: string, find: (authorityId: string) => Promise<Adding>): Promise<AccreditationRow> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  await find(authorityId);
  return change<AccreditationRow>(call, {
    authorityId,
    scope: null,
    async decide() {
      const { about, input, renews } = await find(authorityId);
      const now = call.now();
      const validFrom = input.validFrom ?? now;
      const validUntil = input.validUntil ?? null;
      expectDates(validFrom, validUntil, now);
      if (!KIND.test(input.kind)) throw new Refusal('invalid_request', 'a kind is 1 to 64 of a-z, 0-9, "_", "." and "-", and begins with a letter or digit');
      if ((await countAbout(db, authorityId, about)) >= MOST)
        throw new Refusal('wrong_state', `${MOST} accreditations of it stand already; withdraw those that are no longer needed`);
      const id = newId('acc');
      const row: AccreditationRow = {
        id,
        authorityId,
        organizationId: about.organizationId,
        memberId: about.memberId,
        kind: input.kind,
        issuer: input.issuer,
        reference: input.reference ?? null,
        validFrom,
        validUntil,
        state: 'pending',
        lineage: renews?.lineage ?? id,
        supersedes: renews?.id ?? null,
        addedBy: call.actor.id,
        verifiedBy: null,
        verifiedAt: null,
        withdrawnReason: null,
        toldDays: null,
        createdAt: now,
        updatedAt: now,
        v: 1,
      };
      const { kind, issuer, reference } = row;
      const whom = about.memberId === null ? { organization: about.organizationId } : { member: about.memberId };
      return {
        events: [
          {
            type: 'accreditation.added',
            subjectKind: 'accreditation',
            subjectId: id,
            detail: { ...whom, kind, issuer, reference, valid_from: validFrom, valid_until: validUntil, ...(renews && { renews: renews.id }) },
          },
        ],
        statements: [putAccreditation(row)],
        result: row,
      };
    },
  });
}
