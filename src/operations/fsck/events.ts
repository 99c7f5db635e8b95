import { and, asc, eq, getTableColumns, gt } from 'drizzle-orm';
import { cellText } from '../../store/conditions.js';
import type { Database } from '../../store/database.js';
import { whyChanged } from '../../audit/event-hash.js';
import { commitmentOf } from '../../audit/private-part.js';
import { adriftCheckpoints, eachPart, lostParts } from '../../store/proofs.js';
import { EMPTY_HEAD } from '../../store/event.js';
import { apiKey, artefact, event } from '../../store/schema.js';
import { hashAt } from '../../store/known-heads.js';
import { DEPLOYMENT } from '../call.js';
import { headSaid } from '../restore/signed-head.js';
import type { Add } from './damage.js';

const PAGE = 1000;
const TOLD = 100;
const ROW = { ...getTableColumns(event), detail: cellText(event.detail), artefacts: cellText(event.artefacts) };
type Read = Omit<typeof event.$inferSelect, 'detail' | 'artefacts'> & { readonly detail: string; readonly artefacts: string };

function changed(row: Read): string | undefined {
  try {
    return whyChanged({ ...row, detail: JSON.parse(row.detail), artefacts: JSON.parse(row.artefacts) });
  } catch {
    return 'its content does not have its hash';
  }
}

/** The event chain of an authority is whole. The deployment's begins with its first API key, each other one with the authority. */
export async function checkEvents(db: Database, authorityId: string, add: Add, report: (n: number) => void): Promise<void> {
  let head = EMPTY_HEAD;
  for (;;) {
    const rows: Read[] = await db
      .select(ROW)
      .from(event)
      .where(and(eq(event.authorityId, authorityId), gt(event.seq, head.seq)))
      .orderBy(asc(event.seq))
      .limit(PAGE);
    for (const row of rows) {
      if (row.seq !== head.seq + 1) add('event_gap', `event ${row.seq}`, `event ${head.seq + 1} is missing`);
      else if (row.prevHash !== head.hash) add('event_hash', `event ${row.seq}`, 'it does not follow from the event before it');
      const why = changed(row);
      if (why !== undefined) add('event_hash', `event ${row.seq}`, why);
      head = { seq: row.seq, hash: row.hash };
    }
    report(head.seq);
    if (rows.length === PAGE) continue;
    if (head.seq === 0 && (authorityId !== DEPLOYMENT || (await db.select({ id: apiKey.id }).from(apiKey).limit(1)).length > 0))
      add('event_gap', 'event 1', 'it is missing, and so is every event after it');
    return;
  }
}

/** Words are those that were committed to, and each checkpoint names an event that stands there. */
export async function checkProofs(db: Database, authorityId: string, add: Add): Promise<void> {
  await eachPart(db, authorityId, ({ seq, salt, payload, erasedSeq, commitment }) => {
    const where = `event ${seq}`;
    if (commitment === null) add('event_private', where, 'it has a private part that its hash knows nothing of');
    else if (salt !== null && payload !== null) {
      if (!fits({ salt, payload }, commitment)) add('event_private', where, 'its private part is not the one that was committed to');
    } else if (erasedSeq === null) add('event_private', where, 'its private part is gone, and no event tells of it');
  });
  for (const seq of await lostParts(db, authorityId, TOLD)) add('event_private', `event ${seq}`, 'its private part is gone');
  for (const { n, seq } of await adriftCheckpoints(db, authorityId, TOLD))
    add('checkpoint', `checkpoint ${n}`, `it names event ${seq}, and the chain does not have it`);
}

function fits(part: { readonly salt: string; readonly payload: string }, commitment: string): boolean {
  try {
    return commitmentOf(part) === commitment;
  } catch {
    return false;
  }
}

/** The head that was signed and served stands in the chain: events taken away from its end are missed. */
export async function checkHead(db: Database, authorityId: string, add: Add): Promise<void> {
  const [row] = await db
    .select()
    .from(artefact)
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'head')))
    .limit(1);
  const head = row && headSaid(row.bytes);
  if (head && (await hashAt(db, authorityId, head.seq)) !== head.hash)
    add('event_gap', `event ${head.seq}`, 'the signed head names it, and the chain does not have it');
  const above = head?.deployment;
  if (above && (await hashAt(db, DEPLOYMENT, above.seq)) !== above.hash)
    add('event_gap', `event ${above.seq} of the deployment`, 'the signed head names it, and the chain of the deployment does not have it');
}
