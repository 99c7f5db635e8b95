import { isKept, retainedNoLonger, setEvidence } from '../../store/evidence-rows.js';
import { change, type Deployment, systemCall } from '../call.js';

const SLICE = 50;

/**
 * Evidence that is kept no longer goes: its bytes, where it lay and what it was called; that it was there, and its hash, stay.
 * @returns how many went
 */
export async function purgeEvidence(deployment: Deployment, limit = SLICE): Promise<number> {
  const { db } = deployment.store;
  const now = deployment.now();
  const [first] = await retainedNoLonger(db, now, 1);
  if (!first || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  const gone = await change<readonly string[]>(systemCall(deployment), {
    authorityId: first.authorityId,
    scope: null,
    async decide() {
      const rows = (await retainedNoLonger(db, now, limit)).filter(({ authorityId }) => authorityId === first.authorityId);
      return {
        events: rows.map(({ id, subjectId, sha256 }) => ({
          type: 'evidence.purged',
          subjectKind: 'evidence' as const,
          subjectId: id,
          reasonCode: 'schedule' as const,
          detail: { subject: subjectId, sha256 },
        })),
        statements: rows.map(({ id, v }) => setEvidence(db, id, { purgedAt: now, uri: null, name: null, v: v + 1 })),
        result: rows.map(({ sha256 }) => sha256),
      };
    },
  });
  for (const sha256 of new Set(gone)) await deployment.evidence?.remove(sha256, (one) => isKept(db, one));
  return gone.length;
}
