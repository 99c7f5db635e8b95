import { hashed } from '../../federation/sha256.js';
import { EMPTY_HASH } from '../../audit/event-hash.js';
import { eventLine, EXPORT_VERSION, type ExportHeader } from '../../audit/export-lines.js';
import { auditKeysOf, type CheckpointRow, checkpointsAbout, lastCheckpoints } from '../../store/checkpoints.js';
import type { Database } from '../../store/database.js';
import { eventsAfter, exportedPart } from '../../store/exported-events.js';
import { hashAt, readHead } from '../../store/known-heads.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, DEPLOYMENT } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { auditJwks } from './audit-keys.js';

export interface AuditRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** With the private parts. */
  readonly withPrivate: boolean;
}

const PAGE = 500;
const CHECKPOINT_PAGE = 500;

/** Checkpoints about a stretch, however many. */
async function* about(db: Database, chain: string, from: number, to: number): AsyncGenerator<CheckpointRow> {
  for (let after = 0; ; ) {
    const rows = await checkpointsAbout(db, chain, from, to, after, CHECKPOINT_PAGE);
    yield* rows;
    if (rows.length < CHECKPOINT_PAGE) return;
    after = rows.at(-1)?.n ?? after;
  }
}

/**
 * An event chain as a file that proves itself: line by line, nothing of it held in memory.
 * @param slug null: the chain of the deployment
 * @returns lines, each with its line break
 * @throws Refusal invalid_request for events that there are not
 */
export async function exportAudit(call: Call, slug: string | null, { from = 1, to, withPrivate }: AuditRange): Promise<AsyncGenerator<string>> {
  const of = slug === null ? undefined : await ofAuthority(call, slug);
  if (!of) allow(call, 'administer', null);
  const { db } = call.store;
  const chain = of?.id ?? DEPLOYMENT;
  const head = await readHead(db, chain);
  if (from > head.seq || (to !== undefined && (to < from || to > head.seq)))
    throw new Refusal('invalid_request', `the events of this chain go from 1 to ${head.seq}; from and to have to be among them, in this order`);
  const authorities = (await db.select({ id: authority.id, entityId: authority.entityId }).from(authority)).filter(({ id }) => !of || id === of.id);
  const jwks: ExportHeader['audit_jwks'] = {};
  for (const { id, entityId } of authorities) jwks[entityId] = auditJwks(await auditKeysOf(db, id)) as unknown as ExportHeader['audit_jwks'][string];
  const header: ExportHeader = {
    holdfast_audit_export: EXPORT_VERSION,
    chain,
    entity_id: of?.entityId ?? null,
    made_at: call.now(),
    from,
    to: to ?? null,
    prev_hash: from === 1 ? EMPTY_HASH : ((await hashAt(db, chain, from - 1)) ?? EMPTY_HASH),
    private: withPrivate,
    audit_jwks: jwks,
  };
  return lines(db, header, head.seq, withPrivate);
}

async function ofAuthority(call: Call, slug: string) {
  allow(call, 'read', slug);
  return findAuthority(call.store.db, slug);
}

async function* lines(db: Database, header: ExportHeader, head: number, withPrivate: boolean): AsyncGenerator<string> {
  const digest = hashed.running();
  const line = (value: object): string => {
    const text = `${JSON.stringify(value)}\n`;
    digest.update(text);
    return text;
  };
  const { chain, to } = header;
  yield line(header);
  // About the chain of the deployment every authority's say something: the newest of each are enough to miss its end.
  if (chain === DEPLOYMENT) for (const { jws } of (await lastCheckpoints(db)).values()) yield line({ checkpoint: jws });
  let [seq, hash, events] = [header.from - 1, header.prev_hash, 0];
  const last = to ?? head;
  for (let more = true; more; ) {
    const rows = await eventsAfter(db, chain, seq, last, PAGE);
    const first = rows[0]?.event.seq;
    const marks = first === undefined ? undefined : about(db, chain, first, rows.at(-1)?.event.seq ?? first);
    let mark = await marks?.next();
    for (const { event, part } of rows) {
      yield line(eventLine(event, withPrivate ? exportedPart(part) : undefined));
      ({ seq, hash } = event);
      events++;
      for (; mark && !mark.done && mark.value.seq <= seq; mark = await marks?.next()) yield line({ checkpoint: mark.value.jws });
    }
    more = rows.length === PAGE;
  }
  // What names events that are not there any more shows that they were.
  if (to === null) for await (const { jws } of about(db, chain, last + 1, Number.MAX_SAFE_INTEGER)) yield line({ checkpoint: jws });
  yield `${JSON.stringify({ end: { seq, head: hash, events, sha256: digest.hex() } })}\n`;
}
