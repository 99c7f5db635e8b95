import { letInWith } from '../access/in-force.js';
import { allow, type Call, change } from '../call.js';
import type { WithFindings } from '../judged.js';
import { findAsked, type MemberRow } from '../registry.js';
import { decideEnrollment, writeEnrollments } from './enrolling.js';
import { apartByKeys } from './key-binding.js';
import { enrollTogether } from './enroll-together.js';
import { type Enrollment, prepare } from './enrollment.js';
import { ENROLMENT, groundTogether } from './ground.js';

/**
 * Enrol an entity: bind its keys, and, when asked and allowed, publish a statement about it in the same commit.
 * @throws Refusal findings, already_exists, wrong_state, permission_denied
 */
export async function enrollMember(call: Call<WithFindings<MemberRow>>, slug: string, input: Enrollment): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  const { row: authority, since, haltedSince } = await findAsked(call.store, slug);
  const prepared = await prepare(call, authority, input, false);
  const asked = { prepared, since, haltedSince, as: letInWith(call) };
  return change(call, {
    authorityId: authority.id,
    scope: input.entityId,
    apart: await apartByKeys(prepared.keys.jwks),
    brings: ENROLMENT.brings(asked),
    async decide(_watch, together) {
      const written = await enrollTogether(call, slug, asked, together);
      if (written) return written;
      const ground = await groundTogether(call, slug, asked, together);
      const enrolled = await decideEnrollment(call, ground, prepared);
      const { rows, events, statements } = await writeEnrollments(call, ground, [enrolled]);
      return { events, statements, result: { ...(rows[0] as MemberRow), findings: enrolled.findings } };
    },
  });
}
