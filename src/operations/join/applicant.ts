import { eq } from 'drizzle-orm';
import { sha256 } from '../../keys/random.js';
import { type ApplicationWithMember, applicationsWhere, eventsBy } from '../../store/applications.js';
import type { Decision } from '../../store/change.js';
import { application, authority } from '../../store/schema.js';
import { type Call, change, type Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';

/** A call of whoever has the token of an application: it has no permission of an operator's. */
export const callOfApplicant = <T>(deployment: Deployment, id: string): Call<T> => ({
  ...deployment,
  actor: { id, kind: 'applicant' },
  role: 'applicant',
  authorities: null,
});

export interface Own extends ApplicationWithMember {
  readonly authority: AuthorityRow;
}

/** With another's token, or of nothing: one answer. @throws Refusal not_found */
export async function findOwn({ store: { db } }: Deployment, id: string, token: string): Promise<Own> {
  const digest = await sha256(token);
  const [found] = await applicationsWhere(db, eq(application.id, id), 1);
  const [of] = found ? await db.select().from(authority).where(eq(authority.id, found.application.authorityId)).limit(1) : [];
  if (!found || !of || found.application.tokenSha256 !== digest) throw new Refusal('not_found', 'there is no such application, or the token is not its token');
  return { ...found, authority: of };
}

/** What one application may leave in the audit trail. */
const MAX_ACTS = 300;

/**
 * A change by an applicant of its own application, decided in its turn.
 * @throws Refusal not_found, wrong_state
 */
export async function changeOwn<T>(deployment: Deployment, id: string, token: string, decide: (own: Own, call: Call<T>) => Promise<Decision<T>>): Promise<T> {
  const { application: row } = await findOwn(deployment, id, token);
  const call = callOfApplicant<T>(deployment, id);
  return change<T>(call, {
    authorityId: row.authorityId,
    scope: row.entityId,
    async decide() {
      const own = await findOwn(deployment, id, token);
      if ((await eventsBy(deployment.store.db, row.authorityId, id, MAX_ACTS)) >= MAX_ACTS)
        throw new Refusal('wrong_state', `this application was changed ${MAX_ACTS} times; write to the authority`);
      return decide(own, call);
    },
  });
}
