import { type ApplicationQuery, type ApplicationWithMember, applicationPage } from '../../store/applications.js';
import { allow, type Call } from '../call.js';
import { type Page, type PageRequest, page } from '../read.js';
import { findAuthority } from '../registry.js';
import { findApplication } from './find-application.js';

/** Applications of an authority, whoever waits longest first. @throws Refusal permission_denied, not_found */
export async function listApplications(
  call: Call,
  slug: string,
  { limit, cursor, ...query }: PageRequest & Omit<ApplicationQuery, 'authorityId'>,
): Promise<Page<ApplicationWithMember>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const after = cursor === undefined ? undefined : (await findApplication(db, authorityId, cursor)).application;
  return page(await applicationPage(db, { ...query, authorityId }, after, limit + 1), limit, ({ application }) => application.id);
}
