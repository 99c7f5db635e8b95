import { eq } from 'drizzle-orm';
import type { EventsOf } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { authority } from '../../store/schema.js';
import { signedMeanwhile } from '../../store/signed-until.js';
import { release, type Unconfirmed, unconfirmed } from '../../store/standing.js';
import { newId } from '../../keys/random.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { clockWords } from '../clock/trusted-clock.js';
import { confirmTime } from '../../store/trusted-time.js';
import { generationOf, nextGeneration, resignJob } from '../jobs/jobs.js';
import { Refusal } from '../refusal.js';
import { type KnownHead, lacks } from './compare-heads.js';
import { type ChainHead, headsOf } from '../../store/known-heads.js';
import { readSignedHead } from './signed-head.js';

/** How the history of a deployment stands, with the heads it holds. */
export interface RestoreState {
  readonly standing: Unconfirmed | undefined;
  readonly heads: readonly ChainHead[];
}

export async function restoreState(call: Call): Promise<RestoreState> {
  allow(call, 'read', null);
  const { db } = call.store;
  return { standing: await unconfirmed(db), heads: await headsOf(db) };
}

export interface Confirmation {
  /** A person has looked at the heads and takes them as they are. */
  readonly yes: boolean;
  /** The newest heads known from elsewhere: the database must hold each. */
  readonly known: readonly KnownHead[];
  /** Confirm although a known head is not there: what it stands for is given up. */
  readonly acceptRollback: boolean;
  /** The same, as an authority signed and served them. */
  readonly signed?: readonly string[];
}

/**
 * A person says that this is the history to go on with. From the commit on everything is served again and signed anew, and
 * each chain says what happened.
 * @throws Refusal invalid_request when an authority is neither confirmed nor known, wrong_state when the database lacks a known head,
 * temporarily_unavailable while the clock jumped or is behind
 */
export async function confirmRestore(call: Call<RestoreState>, { yes, known: typed, acceptRollback, signed = [] }: Confirmation): Promise<RestoreState> {
  allow(call, 'administer', null);
  const { db } = call.store;
  return change<RestoreState>(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    async decide(watch) {
      const standing = await unconfirmed(db);
      if (!standing) return { events: [], statements: [], result: { standing, heads: await headsOf(db) } };
      // The chains first, then the rows: an authority may be halted meanwhile. None is made while nothing is signed.
      for (const { id } of await db.select({ id: authority.id }).from(authority)) await watch(id);
      const rows = await db.select().from(authority);
      const heads = await headsOf(db);
      const known = [...typed, ...(await Promise.all(signed.map((one) => readSignedHead(db, one))))];
      const missing = (await Promise.all(known.map((one) => lacks(db, heads, one)))).filter((one) => one !== undefined);
      if (missing.length && !acceptRollback)
        throw new Refusal(
          'wrong_state',
          `${missing.join('; ')}. Restore a newer backup; or give up what is missing with --accept-rollback (accept_rollback): what it cut off comes back`,
        );
      // What was signed before the backup was made says nothing about what came after it.
      const telling = known.filter(({ signedAt }) => signedAt === undefined || standing.backupAt === null || signedAt >= standing.backupAt);
      // What a signed head does not show is what came after it: the chains say until when each was shown.
      const shown = known.flatMap(({ authority: of, seq, signedAt }) => (signedAt === undefined ? [] : [{ authority: of, seq, signed_at: signedAt }]));
      const unknown = heads.filter(({ slug, entityId }) => !telling.some((one) => one.authority === slug || one.authority === entityId));
      if (unknown.length && !yes)
        throw new Refusal(
          'invalid_request',
          `say for ${unknown.map(({ slug }) => slug).join(', ')} that the head is the newest: --yes, or the newest head you know: --head <slug>=<seq>:<hash>${telling.length < known.length ? '. A head that was signed before the backup was made says nothing about what came after it' : ''}`,
        );
      const now = call.now();
      // The time a backup knows is as old as it is; that it has passed since goes without saying.
      const clock = await call.clock.state(call.store);
      // Until when the lost part may have signed is reckoned from now: by a clock that went back it would be too early.
      if (clock.problem === 'behind' || clock.problem === 'jumped') throw new Refusal('temporarily_unavailable', clockWords(clock) ?? '');
      const statements: Statement[] = [
        ...release(db, { at: now, givenUp: standing.givenUp }),
        ...(clock.problem === 'ahead' ? [confirmTime({ highest: now, confirmed: newId('clk') })] : []),
      ];
      const elsewhere: EventsOf[] = [];
      for (const row of rows) {
        const head = heads.find(({ authorityId }) => authorityId === row.id);
        const after = row.state === 'retired' ? row : nextGeneration(row, now);
        // Nothing of a retired authority is signed any more: its former keys stay as they are.
        if (row.state !== 'retired') {
          const job = await resignJob(call, after, 'deployment.restored', 'all');
          statements.push(db.update(authority).set(generationOf(after)).where(eq(authority.id, row.id)), ...job.statements, ...signedMeanwhile(row.id, now));
        }
        elsewhere.push({
          authorityId: row.id,
          events: [
            restored(standing, missing, row.id, {
              seq: head?.seq,
              hash: head?.hash,
              generation: after.generation,
              ...told(shown.filter((one) => one.authority === row.entityId)),
            }),
          ],
        });
      }
      return { events: [restored(standing, missing, DEPLOYMENT, told(shown))], elsewhere, statements, result: { standing: undefined, heads } };
    },
  });
}

const told = (shown: readonly object[]) => (shown.length ? { shown_by: shown } : {});

/** What goes into each chain: after which event it goes on, and what was given up. */
const restored = (
  { reason, at, backupAt, givenUp }: Unconfirmed,
  missing: readonly string[],
  chain: string,
  detail: Readonly<Record<string, unknown>>,
): NewEvent => ({
  type: 'deployment.restored',
  subjectKind: 'deployment',
  subjectId: DEPLOYMENT,
  detail: {
    because: reason,
    noticed_at: at,
    backup_at: backupAt,
    ...detail,
    given_up: givenUp.filter(({ authorityId }) => authorityId === chain).map(({ seq, hash }) => ({ seq, hash })),
    ...(missing.length && { rollback_accepted: missing }),
  },
});
