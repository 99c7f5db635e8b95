import { and, eq } from 'drizzle-orm';
import { parseJws } from '../../federation/entry.js';
import { artefact } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember } from '../registry.js';

/** The statement that is published about a member, as bytes and decoded. @throws Refusal not_found when there is none */
export async function statementOf(call: Call, slug: string, id: string) {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const member = await findMember(db, authority.id, id);
  const [found] = await db
    .select({ row: artefact, withheld: whyWithheld })
    .from(artefact)
    .where(and(eq(artefact.authorityId, authority.id), eq(artefact.kind, 'statement'), eq(artefact.key, member.entityId)))
    .limit(1);
  if (!found) throw new Refusal('not_found', `no statement is published: the member is ${member.state}`);
  const { row, withheld } = found;
  const jws = parseJws(row.bytes, 'entity-statement+jwt');
  if (!jws.ok) throw new Refusal('findings', 'the stored statement is damaged; run holdfast fsck', jws.findings);
  return { compact: row.bytes, header: jws.value.header, claims: jws.value.claims, exp: row.exp, withheld };
}
