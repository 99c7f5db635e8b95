import { and, asc, eq, gt } from 'drizzle-orm';
import { cellText } from '../../store/conditions.js';
import type { Database } from '../../store/database.js';
import { dueWithEnd } from '../../store/due-artefacts.js';
import { moveHostedEnd } from '../../store/hosted-end.js';
import { takePlacesOf } from '../../store/mark-places.js';
import { CERTIFIED_TO, certifiedLookedTo } from '../../store/certified.js';
import { artefact, member, setting } from '../../store/schema.js';
import { certifiedEnd } from '../binding/certificates-of.js';
import { change, type Deployment, systemCall } from '../call.js';
import { endOfMember } from './member-end.js';
import { moveEnd } from './move-end.js';
import { writeMember } from './write-member.js';

/** Rows looked at a turn, and ends moved, each by a commit of its own. */
const SLICE = 250;
const MOVES = 50;

async function lookedTo(db: Database): Promise<string | undefined> {
  const [row] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, CERTIFIED_TO)).limit(1);
  return row?.value;
}

/**
 * Look at the next slice of the members: is the end on record that of the certificates of their keys, and of the roots of their
 * authority? It is another one after an earlier version bound them, and after the roots were changed. Statements that are signed
 * meanwhile do not go by what is on record. Gives how many were looked at.
 */
export async function moveCertifiedEnds(deployment: Deployment, limit = SLICE): Promise<number> {
  const { store } = deployment;
  const after = await lookedTo(store.db);
  if (after === undefined) return 0;
  const rows = await store.db
    .select({ id: member.id, authorityId: member.authorityId, entityId: member.entityId, jwks: cellText(member.jwks) })
    .from(member)
    .where(gt(member.id, after))
    .orderBy(asc(member.id))
    .limit(limit);
  let last = rows.length < limit ? null : (rows.at(-1)?.id ?? null);
  let moves = 0;
  for (const row of rows) {
    if (!row.jwks.includes('"x5c"')) continue;
    // A row that cannot be read, or an authority that is retired, holds up nobody else.
    if (await moveOne(deployment, row).catch(() => false)) moves++;
    if (moves < MOVES) continue;
    last = row.id;
    break;
  }
  await store.write([certifiedLookedTo(last)]);
  return rows.length;
}

function moveOne(deployment: Deployment, { id, authorityId, entityId }: { readonly id: string; readonly authorityId: string; readonly entityId: string }) {
  const { db } = deployment.store;
  return change<boolean>(systemCall(deployment), {
    authorityId,
    scope: entityId,
    async decide() {
      const [before] = await db.select().from(member).where(eq(member.id, id)).limit(1);
      const keysUntil = before ? await certifiedEnd(db, before) : null;
      if (!before || before.keysUntil === keysUntil) return { events: [], statements: [], result: false };
      const now = deployment.now();
      const { row, statements } = await writeMember(db, { before, after: { ...before, updatedAt: now, v: before.v + 1 }, endsAnew: true });
      const end = endOfMember(row);
      const statement = and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'statement'), eq(artefact.key, entityId));
      return {
        events: [
          {
            type: 'member.keys_end_moved',
            subjectKind: 'member',
            subjectId: id,
            detail: { entity_id: entityId, from: before.keysUntil, to: keysUntil },
          },
        ],
        statements: [
          ...statements,
          ...moveEnd(deployment, { memberId: id }, end),
          moveHostedEnd(authorityId, entityId, end),
          db
            .update(artefact)
            .set(end === null ? { cap: null, renewAt: now, leaseUntil: 0 } : dueWithEnd(end, now))
            .where(statement),
          ...takePlacesOf(id, now),
        ],
        result: true,
      };
    },
  });
}
