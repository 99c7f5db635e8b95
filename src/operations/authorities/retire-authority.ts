import { and, eq, inArray, isNotNull } from 'drizzle-orm';
import { putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { consequencesOf } from '../facts.js';
import { artefact, authority, authorityKey, job } from '../../store/schema.js';
import { signedLastKeys } from '../artefacts/last-keys.js';
import { published } from '../artefacts/publish.js';
import { allow, type Call, change } from '../call.js';
import { hurried } from '../keys/from-custody.js';
import { Refusal } from '../refusal.js';
import { countMembers } from '../members/search-members.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, findAuthority } from '../registry.js';
import { type MovedAuthority, moved } from './halt-authority.js';
import { suspendMemberships } from './memberships.js';

const IN_USE = ['created', 'staged', 'active', 'retiring'] as const;
/**
 * "The JWK is no longer active" (OpenID Federation 1.0 §8.7.3). The table has no reason for an end of operations, as RFC 5280
 * §5.3.1 has with cessationOfOperation.
 */
const REASON = 'superseded';

/**
 * End an authority for good. Nothing of it is served but its historical keys, signed a last time with all keys in them, so
 * that what it signed in its time can be judged (§8.7). Its identifier and its place are not used again.
 * @throws Refusal invalid_request
 */
export async function retireAuthority(asked: Call<MovedAuthority>, slug: string, reason: string | undefined): Promise<MovedAuthority> {
  const call: Call<MovedAuthority> = { ...asked, custody: hurried(asked.custody) };
  allow(call, 'administer', slug);
  if (!reason) throw new Refusal('invalid_request', 'retiring an authority needs a reason');
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<MovedAuthority>(call, {
    authorityId: id,
    scope: null,
    about: id,
    urgent: true,
    async decide(watch) {
      const before = await findAuthority(db, slug);
      if (before.state === 'retired') return { events: [], statements: [], result: { authority: before, already: true } };
      const now = call.now();
      const after: AuthorityRow = { ...before, state: 'retired', stateReason: reason, cut: before.cut + 1, updatedAt: now, v: before.v + 1 };
      const artefacts = await lastKeys(call, before, now);
      const above = await suspendMemberships(call, watch, before, 'authority.retired', reason);
      return {
        events: [
          {
            type: 'authority.retired',
            subjectKind: 'authority',
            subjectId: id,
            reason,
            detail: { entity_id: before.entityId, members: await countMembers(call, slug), ...(artefacts.length === 0 && { unsigned: true }) },
            artefacts: published(artefacts),
          },
          ...above.events,
        ],
        elsewhere: above.elsewhere,
        statements: [
          db.update(authority).set(moved(after)).where(eq(authority.id, id)),
          db
            .update(authorityKey)
            .set({ state: 'revoked', endedAt: now, revokedReason: REASON })
            .where(and(eq(authorityKey.authorityId, id), inArray(authorityKey.state, [...IN_USE]))),
          db
            .update(job)
            .set({ state: 'cancelled', updatedAt: now })
            .where(and(eq(job.authorityId, id), eq(job.state, 'running'))),
          ...consequencesOf(id, { fact: 'authority stopped' }, now, call.dueAtOnce),
          ...(artefacts.length ? putArtefacts(artefacts) : [keysDue(call, id, now)]),
          ...above.statements,
        ],
        result: { authority: after, already: false },
      };
    },
  });
}

/** What a revocation has withheld, of an authority that was halted then, is due again: no resume will make it so. */
const keysDue = ({ store: { db } }: Call, id: string, now: number): Statement =>
  db
    .update(artefact)
    .set({ renewAt: now, leaseUntil: 0 })
    .where(and(eq(artefact.authorityId, id), eq(artefact.kind, 'historical_keys'), isNotNull(artefact.withheld)));

/**
 * The historical keys as they stay, signed by the key that signs until now, or else by the last one that can. Without a working custody those signed last stay:
 * what they say is true, and an authority whose keys are lost can be retired too.
 */
async function lastKeys(call: Call, row: AuthorityRow, now: number) {
  const ended = (key: AuthorityKeyRow): AuthorityKeyRow => ({ ...key, state: 'revoked', endedAt: now, revokedReason: REASON });
  const before = await authorityKeys(call.store.db, row.id);
  const after = before.map((key) => ((IN_USE as readonly string[]).includes(key.state) ? ended(key) : key));
  const signed = await signedLastKeys(call, row, after, before).catch(() => undefined);
  return signed ? [signed] : [];
}
