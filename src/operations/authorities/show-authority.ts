import { and, eq } from 'drizzle-orm';
import { artefact } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import { allow, type Call } from '../call.js';
import { countMembers } from '../members/search-members.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, findAuthority, publishedPolicy } from '../registry.js';

export interface ShownAuthority {
  readonly row: AuthorityRow;
  readonly members: Readonly<Record<string, number>>;
  readonly keys: readonly AuthorityKeyRow[];
  /** The version in force; null while none is. */
  readonly policyVersion: number | null;
  /** The Entity Configuration that is published; null when none is. */
  readonly configuration: Pick<typeof artefact.$inferSelect, 'iat' | 'exp' | 'kid' | 'withheld'> | null;
}

/** One authority with what stands beside its settings: keys, policy in force, published configuration, members by state. */
export async function showAuthority(call: Call, slug: string): Promise<ShownAuthority> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const [configuration] = await db
    .select({ iat: artefact.iat, exp: artefact.exp, kid: artefact.kid, withheld: whyWithheld })
    .from(artefact)
    .where(and(eq(artefact.authorityId, row.id), eq(artefact.kind, 'entity_configuration'), eq(artefact.key, '')))
    .limit(1);
  return {
    row,
    members: await countMembers(call, slug),
    keys: await authorityKeys(db, row.id),
    policyVersion: (await publishedPolicy(db, row.id))?.version ?? null,
    configuration: configuration ?? null,
  };
}
