import { and, eq } from 'drizzle-orm';
import { type ApplicationWithMember, applicationsWhere } from '../../store/applications.js';
import type { Database } from '../../store/database.js';
import { application } from '../../store/schema.js';
import { Refusal } from '../refusal.js';

/** An application of that authority; another one's is not there. @throws Refusal not_found */
export async function findApplication(db: Database, authorityId: string, id: string): Promise<ApplicationWithMember> {
  const [found] = await applicationsWhere(db, and(eq(application.id, id), eq(application.authorityId, authorityId)), 1);
  if (!found) throw new Refusal('not_found', 'this authority has no such application');
  return found;
}
