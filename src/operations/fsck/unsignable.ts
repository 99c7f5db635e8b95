import { and, eq, isNotNull } from 'drizzle-orm';
import { unreadable } from '../../federation/entry.js';
import { parseStatementClaims } from '../../federation/entity-statement.js';
import { bundlesOf } from '../../store/bundles.js';
import type { Database } from '../../store/database.js';
import { artefact, authority, member } from '../../store/schema.js';
import { statementClaims } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import { findMember, publishedPolicy } from '../registry.js';
import type { Add } from './damage.js';

/** Statements that are withheld until they are signed anew, and that nobody can sign: why. */
export async function checkWithheld(db: Database, authorityId: string, add: Add): Promise<void> {
  const withheld = await db
    .select({ id: member.id, entityId: member.entityId })
    .from(artefact)
    .innerJoin(member, eq(member.id, artefact.memberId))
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'statement'), isNotNull(artefact.withheld), eq(member.state, 'active')));
  if (withheld.length === 0) return;
  const [of] = await db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (of?.state !== 'active') return;
  const sources = { authority: of, policy: await publishedPolicy(db, authorityId), bundles: await bundlesOf(db, authorityId) };
  for (const { id, entityId } of withheld) {
    const why = await whyUnsignable(db, sources, id);
    if (why !== undefined) add('statement_unsignable', `statement ${entityId}`, `it is withheld and cannot be signed: ${why}`);
  }
}

async function whyUnsignable(db: Database, sources: Parameters<typeof statementClaims>[0], id: string): Promise<string | undefined> {
  try {
    const row = await findMember(db, sources.authority.id, id);
    const claims = statementClaims(sources, row, 0);
    const checked = parseStatementClaims(claims, { now: 0, understoodClaims: row.crit, strictKeys: true, development: true });
    const fault = checked.ok ? unreadable(claims) : checked.findings[0];
    return fault && `${fault.where} ${fault.detail}`;
  } catch (error) {
    // A cell that cannot be read is named by itself.
    return error instanceof Refusal ? [error.message, ...error.findings.slice(0, 1).map(({ where, detail }) => `${where} ${detail}`)].join(': ') : undefined;
  }
}
