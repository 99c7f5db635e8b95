import { type ChangeRequest, elsewhereOf, type Engine, HeadMoved } from './change.js';
import { ChangeConflict } from './database.js';
import { togetherOf } from './together.js';
import type { Head } from './event.js';
import { headToDecideOn, type KnownHeads } from './known-heads.js';

/** Whoever only looks has lost no race that is worth running again and again. */
const MAX_TRIES = 5;

/**
 * Decide an operation on what the store holds, exactly as it is decided for a commit, and commit nothing. It waits in no queue,
 * takes no turn and overtakes nobody, so a cut that is rehearsed takes nothing from whoever waits.
 * @returns what the operation would answer
 * @throws whatever `decide` throws; `HistoryLost`, `ChangeConflict`
 */
export function createRehearsals(engine: Pick<Engine, 'db' | 'headAgain'>, known: KnownHeads): <T>(request: ChangeRequest<T>) => Promise<T> {
  const headOf = (authorityId: string) => headToDecideOn(engine.db, known, authorityId, engine.headAgain);
  return async function rehearse<T>(request: ChangeRequest<T>): Promise<T> {
    const { authorityId } = request;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      await headOf(authorityId);
      const watched = new Map<string, Head>();
      try {
        const decision = await request.decide(
          async (other) => {
            if (other !== authorityId && !watched.has(other)) watched.set(other, await headOf(other));
          },
          togetherOf([request]),
        );
        if (decision.events.length > 0) elsewhereOf(decision, watched);
        return decision.result;
      } catch (error) {
        if (!(error instanceof HeadMoved)) throw error;
      }
    }
    throw new ChangeConflict(`the authority changed ${MAX_TRIES} times meanwhile`);
  };
}
