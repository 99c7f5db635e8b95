import { barredPage, type BarredRow } from '../../store/barred.js';
import { allow, type Call } from '../call.js';
import { type Page, type PageRequest, page } from '../read.js';
import { findAuthority } from '../registry.js';

/** The identifiers that an authority bars: they were revoked, and nobody has readmitted them. */
export async function listBarred(call: Call, slug: string, { limit, cursor }: PageRequest): Promise<Page<BarredRow>> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return page(await barredPage(call.store.db, id, cursor, limit + 1), limit, ({ entityId }) => entityId);
}
