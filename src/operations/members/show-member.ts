import { allow, type Call } from '../call.js';
import type { WithFindings } from '../judged.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';
import { sharedKeys } from './shared-keys.js';

/** One member, and what its keys share with others. */
export async function showMember(call: Call, slug: string, id: string): Promise<WithFindings<MemberRow>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const row = await findMember(db, authority.id, id);
  const found = (await sharedKeys(db, authority, [row])).get(row.entityId) ?? [];
  // It is bound already: what was waived stands in nobody's way any more.
  return { ...row, findings: found.map((one) => ({ ...one, severity: 'warning' })) };
}
