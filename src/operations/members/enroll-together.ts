import type { NewEvent } from '../../store/event.js';
import type { Statement } from '../../store/database.js';
import type { Together } from '../../store/together.js';
import type { Unit } from '../../store/decision.js';
import { asOne } from '../../store/units.js';
import type { Call } from '../call.js';
import type { WithFindings } from '../judged.js';
import type { MemberRow } from '../registry.js';
import { decideEnrollment, type Enrolled, writeEnrollments } from './enrolling.js';
import { type Asked, ENROLMENT, foundTogether, groundOfNew, type Found } from './ground.js';
import { otherSpellings } from './respelled.js';

/** What one of several enrolments does that are written together. */
interface Part {
  readonly unit: Unit;
  readonly events: readonly NewEvent[];
  /** One that all of them have. */
  readonly statements: readonly Statement[];
  readonly result: WithFindings<MemberRow>;
}

/**
 * Somebody new, about whom nothing is waived and whose configuration is not served by us: that is what comes in great numbers.
 * Whoever was here before, in whatever spelling, is decided by itself.
 */
function isPlain({ prepared: { input, hosted } }: Asked, { authority, former, spelled }: Found): boolean {
  const says = input.readmit !== undefined || input.waive?.length || input.vouchedIssuers?.length || hosted || authority.agentsOf !== null;
  return !says && !former.has(input.entityId) && otherSpellings(spelled, input.entityId).length === 0;
}

/**
 * Decide about an enrolment, and write it, with those that share its transaction and were asked for by the same caller. One
 * that is refused, or is anything but plain, is left to be decided by itself.
 * @returns undefined: by itself
 */
export async function enrollTogether(call: Call, slug: string, asked: Asked, together: Together): Promise<Part | undefined> {
  const parts = await together
    .once(`enrolled ${asked.as}`, async () => {
      const those = ENROLMENT.joined(together).filter(({ as }) => as === asked.as);
      return those.length < 2 ? undefined : writtenTogether(call, slug, those, together);
    })
    // Whatever fails here is told by whoever meets it alone.
    .catch(() => undefined);
  return parts?.get(asked);
}

async function writtenTogether(call: Call, slug: string, those: readonly Asked[], together: Together): Promise<ReadonlyMap<Asked, Part>> {
  const found = await foundTogether(call, slug, together);
  const plain = those.filter((one) => isPlain(one, found));
  const ground = await groundOfNew(
    call,
    found,
    plain.map(({ prepared }) => prepared),
  );
  const accepted: { readonly asked: Asked; readonly enrolled: Enrolled }[] = [];
  for (const asked of plain) {
    const enrolled = await decideEnrollment(call, ground, asked.prepared).catch(() => undefined);
    if (enrolled) accepted.push({ asked, enrolled });
  }
  if (accepted.length < 2) return new Map();
  const written = await writeEnrollments(
    call,
    ground,
    accepted.map(({ enrolled }) => enrolled),
    { apart: true },
  );
  const unit = { size: accepted.length, actor: call.actor };
  const statements = [asOne(written.statements)];
  const before = written.events.slice(0, written.events.length - written.enrolled.length);
  return new Map(
    accepted.map(({ asked, enrolled: { findings } }, n) => [
      asked,
      {
        unit,
        statements,
        events: [...(n === 0 ? before : []), written.enrolled[n] as NewEvent],
        result: { ...(written.rows[n] as MemberRow), findings },
      },
    ]),
  );
}
