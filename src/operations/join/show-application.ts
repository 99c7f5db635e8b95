import type { ApplicationWithMember } from '../../store/applications.js';
import { allow, type Call } from '../call.js';
import { findAuthority } from '../registry.js';
import { type Conflict, conflictsOf } from './conflicts.js';
import { findApplication } from './find-application.js';
import { type Thread, threadOf } from './thread.js';

export interface ShownApplication extends ApplicationWithMember, Thread {
  readonly conflicts: readonly Conflict[];
}

/** One application with what was said, and what stands in its way. @throws Refusal permission_denied, not_found */
export async function showApplication(call: Call, slug: string, id: string): Promise<ShownApplication> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const found = await findApplication(db, authority.id, id);
  return { ...found, ...(await threadOf(db, authority.id, id)), conflicts: await conflictsOf(call, authority, found) };
}
