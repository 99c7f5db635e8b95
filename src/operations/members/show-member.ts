import { allow, type Call } from '../call.js';
import type { WithFindings } from '../judged.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';
import { type MemberStatus, memberStatus } from '../status/show-lists.js';
import { sharedKeys } from './shared-keys.js';

/** One member, what its keys share with others, and where it stands in the status lists. */
export async function showMember(call: Call, slug: string, id: string): Promise<WithFindings<MemberRow> & { readonly status: MemberStatus | null }> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const row = await findMember(db, authority.id, id);
  const found = (await sharedKeys(db, authority, [row])).get(row.entityId) ?? [];
  // It is bound already: what was waived stands in nobody's way any more.
  return { ...row, status: await memberStatus(call, authority, row), findings: found.map((one) => ({ ...one, severity: 'warning' })) };
}
