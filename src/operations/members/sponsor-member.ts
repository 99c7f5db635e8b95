import type { Sponsor } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import type { WithFindings } from '../judged.js';
import type { MemberRow } from '../registry.js';
import { expectUntil } from './attestation.js';
import { rewriteMember } from './rewrite-member.js';

export interface SponsorInput {
  /** Null: nobody is named any more. */
  readonly sponsor: Sponsor | null;
  /** Seconds since the epoch; left out: it stays. */
  readonly reattestBy?: number | undefined;
  readonly version?: number | undefined;
}

/**
 * Say who answers for a member. The person is no part of its content: nothing that is published names him, and he can be taken
 * out. A member that is not active may be left without an attestation too; an active one would last longer by that.
 * @throws Refusal invalid_request, accreditation_not_in_force where its authority demands one
 */
export async function sponsorMember(call: Call<WithFindings<MemberRow>>, slug: string, id: string, input: SponsorInput): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  const { sponsor, reattestBy, version } = input;
  return rewriteMember(call, slug, id, version, null, async (before) => {
    if (reattestBy !== undefined) expectUntil(reattestBy, call.now());
    const dropped = sponsor === null && before.state !== 'active' && reattestBy === undefined;
    const until = dropped ? null : (reattestBy ?? before.reattestBy);
    return {
      row: {
        ...before,
        sponsor,
        reattestBy: until,
        ...(until !== before.reattestBy && { reattestTold: null }),
        // Whoever approved or looked before knew of another one.
        cut: before.cut + 1,
      },
      events: [
        {
          type: sponsor ? 'member.sponsored' : 'member.sponsor_removed',
          subjectKind: 'member',
          subjectId: before.id,
          detail: { entity_id: before.entityId, ...(sponsor && { name: sponsor.name, email: sponsor.email }), reattest_by: until },
        },
      ],
    };
  });
}

/**
 * Say that a member is still needed and answered for, until then. One person does it, whatever the quorum: it gives the member
 * nothing that it had not, for a time that has an end, and whoever was suspended for want of it comes back by the quorum alone.
 */
export async function reattestMember(
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  { until, note, version }: { readonly until: number; readonly note?: string | undefined; readonly version?: number | undefined },
): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  return rewriteMember(call, slug, id, version, null, async (before) => {
    expectUntil(until, call.now());
    return {
      row: { ...before, reattestBy: until, reattestTold: null },
      events: [
        {
          type: 'member.reattested',
          subjectKind: 'member',
          subjectId: before.id,
          reason: note,
          detail: { entity_id: before.entityId, from: before.reattestBy, to: until },
        },
      ],
    };
  });
}
