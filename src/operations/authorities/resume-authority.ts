import { eq } from 'drizzle-orm';
import { putArtefacts } from '../../store/bulk.js';
import { marksDue } from '../../store/due-slices.js';
import { consequencesOf } from '../facts.js';
import { authority } from '../../store/schema.js';
import { issuerOf, published, signedConfiguration, signedHistoricalKeys } from '../artefacts/publish.js';
import { allow, type Call, change } from '../call.js';
import { resumeConsent, type Seen } from '../deciding/resume-consent.js';
import { generationOf, nextGeneration, resignJob } from '../jobs/jobs.js';
import { savedKeys, swap } from '../keys/change-keys.js';
import { heirAmong, spareKey } from '../keys/heir.js';
import { restoreAll } from '../members/restore-members.js';
import { afterwards } from '../rehearsing.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, expectNotOvertaken, findAuthority } from '../registry.js';
import { type MovedAuthority, moved } from './halt-authority.js';
import { leaveMemberships } from './memberships.js';

/**
 * Bring a halted authority back. Everything is signed anew: its configuration at once, the rest in slices, and until its
 * slice comes each answers 503. Marks stay the marks they are, since a mark signed anew would be another one; what is said of
 * their status is signed anew. Members keep their states: one that was suspended by itself stays suspended.
 * Where no key signs, one that can takes over.
 * @throws Refusal invalid_request, wrong_state when it is retired or no key of it can sign
 */
export async function resumeAuthority(call: Call<MovedAuthority>, slug: string, reason: string | undefined, seen?: Seen): Promise<MovedAuthority> {
  allow(call, 'approve', slug);
  if (!reason) throw new Refusal('invalid_request', 'resuming an authority needs a reason');
  const { db } = call.store;
  const found = await findAuthority(db, slug);
  const { id } = found;
  const asked = await askedAt(db, id);
  const signs = ({ state }: AuthorityKeyRow) => state === 'active';
  const spare = (await authorityKeys(db, id)).some(signs) ? undefined : await spareKey(call, found);
  const done = await change<MovedAuthority>(call, {
    authorityId: id,
    scope: null,
    about: id,
    async decide(watch) {
      const before = await findAuthority(db, slug);
      if (before.state === 'active') return { events: [], statements: [], result: { authority: before, already: true } };
      if (before.state === 'retired') throw new Refusal('wrong_state', `the authority ${slug} is retired, and that is final`);
      expectNotOvertaken(found.cut, before.cut);
      await expectNotCutSince(db, asked, [id]);
      const agreed = await resumeConsent(call, before, { id, act: 'authority', v: before.cut }, reason, seen);
      if (agreed.held) return agreed.held;
      const now = call.now();
      const raised = nextGeneration(before, now);
      // What it signed before is served no more from now on, however long it takes to write that.
      const after: AuthorityRow = { ...raised, state: 'active', stateReason: null, notBefore: now, servesFrom: raised.generation };
      // Its key was revoked while it was halted, when no other one could be had.
      const keys = await authorityKeys(db, id);
      const heir = keys.some(signs) ? undefined : await heirAmong(call, keys, spare);
      const own = heir ? swap(keys, heir) : keys;
      const issuer = await issuerOf(call, after, { keys: own });
      const artefacts = [await signedConfiguration(call, issuer), await signedHistoricalKeys(call, issuer)];
      const job = await resignJob(call, after, 'authority.resumed', 'standing', true);
      const above = await leaveMemberships(call, watch, before, reason);
      return {
        events: [
          {
            type: 'authority.resumed',
            subjectKind: 'authority',
            subjectId: id,
            reason,
            detail: { entity_id: before.entityId, generation: after.generation, ...agreed.detail, ...(heir && { heir: heir.kid }) },
            artefacts: published(artefacts),
          },
          ...above.events,
        ],
        elsewhere: above.elsewhere,
        statements: [
          ...agreed.statements,
          db
            .update(authority)
            .set({ ...generationOf(after), ...moved(after), notBefore: after.notBefore, servesFrom: after.servesFrom })
            .where(eq(authority.id, id)),
          ...job.statements,
          ...savedKeys(call, keys, own),
          marksDue(id, after.generation, now, call.dueAtOnce),
          ...consequencesOf(id, { fact: 'all statements changed' }, now, call.dueAtOnce),
          ...consequencesOf(id, { fact: 'authority back', entityId: before.entityId }, now, call.dueAtOnce),
          ...putArtefacts(artefacts),
          ...above.statements,
        ],
        result: { authority: after, already: false },
      };
    },
  });
  await afterwards(call, () => restoreAll(call, id));
  return done;
}
