import { CHECKPOINT_TYP, digestOf, readCheckpoint, signCheckpoint } from '../../audit/checkpoint.js';
import { readHead } from '../../store/change.js';
import { addCheckpoint, auditKeysOf, type CheckpointRow, lastCheckpoints } from '../../store/checkpoints.js';
import type { Database } from '../../store/database.js';
import { type ChainHead, headsOf } from '../../store/known-heads.js';
import { authority } from '../../store/schema.js';
import { toldSince } from '../../store/told-since.js';
import { expectConfirmed } from '../artefacts/expect-confirmed.js';
import { DEPLOYMENT, type Deployment } from '../call.js';
import { expectTrustedClock } from '../clock/trusted-clock.js';
import type { AuthorityRow } from '../registry.js';
import { auditSigner, firstAuditKey } from './audit-keys.js';

/** A checkpoint after so many events, after so long when something happened, and after so long in any case (seconds). */
const EVERY = { events: 1000, moved: 300, idle: 86_400 };
/** What is proven at once: a history without it would give back what it cut. */
const AT_ONCE = [
  'authority.halted',
  'authority.retired',
  'authority.resumed',
  'organization.halted',
  'trust_mark_type.halted',
  'key.revoked',
  'audit_key.rotated',
];

interface Ends {
  readonly head: ChainHead;
  readonly deployment: { readonly seq: number; readonly hash: string };
}

async function isDue(db: Database, { state }: AuthorityRow, { head, deployment }: Ends, last: CheckpointRow | undefined, now: number): Promise<boolean> {
  if (!last) return true;
  const said = readCheckpoint(last.jws);
  const moved = last.head !== head.hash || (said?.deployment?.hash ?? '') !== deployment.hash;
  const age = now - last.iat;
  if (!moved) return age >= EVERY.idle && state !== 'retired';
  // A clock that was ahead when the last one was made must not put off the next.
  if (age >= EVERY.moved || age < 0 || head.seq - last.seq >= EVERY.events) return true;
  return (await toldSince(db, head.authorityId, last.seq, AT_ONCE)) || (await toldSince(db, DEPLOYMENT, said?.deployment?.seq ?? 0, AT_ONCE));
}

/**
 * Sign where the event chains end, each by its authority's audit key, as a series that is only added to. Whoever keeps one can
 * tell later whether the history before it is still the same. No event: it would move the head.
 * @throws the first error, after every authority had its turn
 */
export async function makeCheckpoints(deployment: Deployment): Promise<void> {
  const { db } = deployment.store;
  await expectTrustedClock(deployment, { signing: false });
  await expectConfirmed(deployment);
  const last = await lastCheckpoints(db);
  const heads = new Map((await headsOf(db)).map((one) => [one.authorityId, one]));
  const errors: unknown[] = [];
  for (const row of await db.select().from(authority))
    await checkpointOf(deployment, row, heads.get(row.id), last.get(row.id)).catch((error: unknown) => void errors.push(error));
  if (errors.length) throw errors[0];
}

async function checkpointOf(deployment: Deployment, row: AuthorityRow, read: ChainHead | undefined, last: CheckpointRow | undefined): Promise<void> {
  const { db } = deployment.store;
  if (!read) return;
  const known = (await auditKeysOf(db, row.id)).find(({ retiredAt }) => retiredAt === null);
  // A retired one that an earlier version has made adds nothing any more.
  if (!known && row.state === 'retired') return;
  const key = known ?? (await firstAuditKey(deployment, row));
  // The first key has its event.
  const head = known ? read : { ...read, ...(await readHead(db, row.id)) };
  const ofDeployment = await readHead(db, DEPLOYMENT);
  const now = deployment.now();
  if (!(await isDue(db, row, { head, deployment: ofDeployment }, last, now))) return;
  await expectTrustedClock(deployment);
  const { seq, hash } = head;
  const claims = {
    iss: row.entityId,
    seq,
    head: hash,
    prev_checkpoint: last?.sha256 ?? null,
    iat: now,
    ...(ofDeployment.seq > 0 && { deployment: { seq: ofDeployment.seq, hash: ofDeployment.hash } }),
  };
  const jws = await signCheckpoint(claims, await auditSigner(deployment, key));
  if (!readCheckpoint(jws)) throw new Error(`a ${CHECKPOINT_TYP} of ${row.slug} failed its own check`);
  await deployment.store.write([
    addCheckpoint({ authorityId: row.id, n: (last?.n ?? 0) + 1, seq, head: hash, iat: now, kid: key.kid, jws, sha256: digestOf(jws) }),
  ]);
}
