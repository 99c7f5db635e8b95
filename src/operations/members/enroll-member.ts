import { readHead } from '../../store/change.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import type { WithFindings } from '../judged.js';
import { findAuthority, type MemberRow } from '../registry.js';
import { decideEnrollment, writeEnrollments } from './enrolling.js';
import { type Enrollment, prepare } from './enrollment.js';
import { ENROLMENT, groundTogether } from './ground.js';

/**
 * Enrol an entity: bind its keys, and, when asked and allowed, publish a statement about it in the same commit.
 * @throws Refusal findings, already_exists, wrong_state, permission_denied
 */
export async function enrollMember(call: Call<WithFindings<MemberRow>>, slug: string, input: Enrollment): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const [{ seq: since }, { seq: haltedSince }] = [await readHead(db, authorityId), await readHead(db, DEPLOYMENT)];
  const prepared = await prepare(call, await findAuthority(db, slug), input, false);
  return change(call, {
    authorityId,
    scope: input.entityId,
    brings: ENROLMENT.brings(prepared),
    async decide(_watch, together) {
      const ground = await groundTogether(call, slug, prepared, { since, haltedSince, together });
      const enrolled = await decideEnrollment(call, ground, prepared);
      const { rows, events, statements } = await writeEnrollments(call, ground, [enrolled]);
      return { events, statements, result: { ...(rows[0] as MemberRow), findings: enrolled.findings } };
    },
  });
}
