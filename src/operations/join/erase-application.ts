import { forgetAnswersAbout, openParts } from '../../store/applications.js';
import { erasePart } from '../../store/erase-event.js';
import { allow, type Call, change } from '../call.js';
import { findAuthority } from '../registry.js';
import { findApplication } from './find-application.js';
import { becoming, putApplication } from './write-application.js';

export interface ErasedApplication {
  readonly id: string;
  /** Numbers of the events whose words went. */
  readonly events: readonly number[];
  readonly already: boolean;
}

/**
 * Erase what people wrote in an application and what it says about them: contacts, the organization, every message. The chain
 * verifies as before: each event whose words go has one that says so. The organization that its member belongs to is a record of
 * its own.
 * @throws Refusal permission_denied, not_found
 */
export async function eraseApplication(call: Call<ErasedApplication>, slug: string, id: string, reason: string): Promise<ErasedApplication> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { application: seen } = await findApplication(db, authority.id, id);
  const done = await change<ErasedApplication>(call, {
    authorityId: authority.id,
    scope: seen.entityId,
    // Whoever may ask for it by law does not wait for a clock or a disk.
    urgent: true,
    async decide() {
      const { application: before } = await findApplication(db, authority.id, id);
      const parts = await openParts(db, authority.id, id);
      if (parts.length === 0 && before.details === null) return { events: [], statements: [], result: { id, events: [], already: true } };
      return {
        events: [
          { type: 'application.erased', subjectKind: 'application', subjectId: id, detail: { entity_id: before.entityId } },
          ...parts.map(({ seq }) => ({
            type: 'event.erased',
            subjectKind: 'event' as const,
            subjectId: String(seq),
            reason,
            detail: { seq, application: id },
          })),
        ],
        statements: [
          ...parts.map(({ seq }) => erasePart(authority.id, seq, call.actor.id)),
          putApplication(db, becoming(before, call.now(), { details: null })),
          forgetAnswersAbout(id),
        ],
        result: { id, events: parts.map(({ seq }) => seq), already: false },
      };
    },
  });
  call.store.scrub?.();
  return done;
}
