import { type CheckpointRow, checkpointsAfter } from '../../store/checkpoints.js';
import { allow, type Call } from '../call.js';
import { numeric, type Page, page, type PageRequest } from '../read.js';
import { findAuthority } from '../registry.js';

/** The series of checkpoints of an authority, oldest first. */
export async function listCheckpoints(call: Call, slug: string, { limit, cursor }: PageRequest): Promise<Page<CheckpointRow>> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return page(await checkpointsAfter(call.store.db, id, numeric(cursor) ?? 0, limit + 1), limit, ({ n }) => n);
}
