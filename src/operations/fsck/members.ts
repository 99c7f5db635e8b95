import { and, asc, eq, gt, isNotNull, isNull, ne, or } from 'drizzle-orm';
import { type JwkSet, parseJws } from '../../federation/entry.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { cellText } from '../../store/conditions.js';
import { toldOtherwise } from '../../store/consistency.js';
import type { Database } from '../../store/database.js';
import { wasIssued } from '../../store/mark-places.js';
import { artefact, member, trustMark, trustMarkGrant } from '../../store/schema.js';
import type { Add } from './damage.js';
import { checkIndexed } from './indexes.js';

const PAGE = 1000;

/** A key set as it stands on record; undefined: its cell is no JSON (cells.ts names it); null: it is no key set. */
function keysOf(text: string): JwkSet | null | undefined {
  try {
    const jwks = JSON.parse(text) as Partial<JwkSet> | null;
    return jwks && Array.isArray(jwks.keys) && jwks.keys.every((key) => typeof key?.kid === 'string' && typeof key.kty === 'string') ? (jwks as JwkSet) : null;
  } catch {
    return undefined;
  }
}

/** Each active member has a statement with its keys, no other has one, and both indexes know it. */
export async function checkMembers(db: Database, authorityId: string, indexedTo: string | undefined, add: Add, report: (n: number) => void): Promise<void> {
  let last = '';
  for (let n = 0; ; ) {
    const rows = await db
      .select({
        id: member.id,
        entityId: member.entityId,
        state: member.state,
        jwks: cellText(member.jwks),
        spelling: member.spelling,
        statement: artefact.bytes,
        withheld: artefact.withheld,
      })
      .from(member)
      .leftJoin(artefact, and(eq(artefact.authorityId, member.authorityId), eq(artefact.kind, 'statement'), eq(artefact.key, member.entityId)))
      .where(and(eq(member.authorityId, authorityId), gt(member.entityId, last)))
      .orderBy(asc(member.entityId))
      .limit(PAGE);
    const read = rows.map((row) => ({ ...row, jwks: keysOf(row.jwks) }));
    for (const { entityId, state, statement, withheld, jwks } of read) {
      if (state === 'active' && statement === null) add('artefact_missing', `statement ${entityId}`, 'the member is active and has no statement');
      if (state !== 'active' && statement !== null) add('artefact_orphan', `statement ${entityId}`, `the member is ${state} and has a statement`);
      if (jwks === null) add('cell_unreadable', `member ${entityId}`, 'its column jwks holds no key set');
      // One that is withheld, because a key was taken out perhaps, says what is true no more, to nobody.
      const jws = statement === null || withheld !== null ? undefined : parseJws(statement, 'entity-statement+jwt');
      if (jws?.ok && jwks && !jsonEqual(jws.value.claims['jwks'], jwks))
        add('artefact_claims', `statement ${entityId}`, 'its keys are not those bound to the member');
    }
    await checkIndexed(
      db,
      read.map((row) => ({ ...row, jwks: row.jwks ?? undefined })),
      indexedTo,
      add,
    );
    n += rows.length;
    report(n);
    if (rows.length < PAGE) return;
    last = rows.at(-1)?.entityId ?? last;
  }
}

/** What anyone is told became of a member is what it is. */
export async function checkTold(db: Database, authorityId: string, add: Add): Promise<void> {
  for (const { entityId, state, last } of await toldOtherwise(db, authorityId, PAGE))
    add('registration_events', `member ${entityId}`, `it is ${state}, and the last event that is told of it is ${last ?? 'none'}`);
}

/** A mark is borne by an active member from a grant in force; an "active" answer is about a mark nobody withdrew. */
export async function checkMarks(db: Database, authorityId: string, add: Add): Promise<void> {
  const borne = await db
    .select({ key: artefact.key, state: member.state, grant: trustMarkGrant.state })
    .from(artefact)
    .leftJoin(member, eq(member.id, artefact.memberId))
    .leftJoin(trustMark, and(eq(trustMark.authorityId, artefact.authorityId), eq(trustMark.sha256, artefact.sha256)))
    .leftJoin(trustMarkGrant, eq(trustMarkGrant.id, trustMark.grantId))
    .where(
      and(
        eq(artefact.authorityId, authorityId),
        eq(artefact.kind, 'mark'),
        wasIssued(),
        or(ne(member.state, 'active'), isNull(member.state), ne(trustMarkGrant.state, 'active'), isNull(trustMarkGrant.state)),
      ),
    )
    .limit(PAGE);
  for (const { key, state, grant } of borne)
    add('artefact_orphan', `mark ${key.replace('\n', ' for ')}`, `it is published, its member is ${state ?? 'unknown'} and its grant ${grant ?? 'unknown'}`);
  const wrong = await db
    .select({ jti: trustMark.jti })
    .from(artefact)
    .innerJoin(trustMark, and(eq(trustMark.authorityId, artefact.authorityId), eq(trustMark.sha256, artefact.key)))
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'mark_status'), eq(artefact.variant, 'active'), isNotNull(trustMark.revokedAt)))
    .limit(PAGE);
  for (const { jti } of wrong) add('artefact_orphan', `mark_status ${jti}`, 'the mark was withdrawn and is still called active');
}
