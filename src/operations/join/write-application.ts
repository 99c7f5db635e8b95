import { and, eq } from 'drizzle-orm';
import type { ApplicationRow } from '../../store/applications.js';
import type { Database, Statement } from '../../store/database.js';
import { application } from '../../store/schema.js';

/** What an application becomes. */
export function becoming(before: ApplicationRow, now: number, fields: Partial<ApplicationRow>): ApplicationRow {
  return { ...before, ...fields, updatedAt: now, v: before.v + 1 };
}

/** Everything of it but who it is. */
export function putApplication(db: Database, { id, v, ...row }: ApplicationRow): Statement {
  const { authorityId, joinLinkId: _link, entityId: _entity, tokenSha256: _token, submittedAt: _at, ...fields } = row;
  return db
    .update(application)
    .set({ ...fields, v })
    .where(and(eq(application.id, id), eq(application.authorityId, authorityId)));
}
