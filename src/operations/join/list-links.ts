import { type JoinLinkRow, linkPage } from '../../store/applications.js';
import { allow, type Call } from '../call.js';
import { type Page, type PageRequest, page } from '../read.js';
import { findAuthority } from '../registry.js';
import { findLink } from './find-link.js';

/** Join links of an authority, newest first, ended ones included. @throws Refusal permission_denied, not_found */
export async function listLinks(call: Call, slug: string, { limit, cursor }: PageRequest): Promise<Page<JoinLinkRow>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const after = cursor === undefined ? undefined : await findLink(db, id, cursor);
  return page(await linkPage(db, id, after, limit + 1), limit, (row) => row.id);
}
