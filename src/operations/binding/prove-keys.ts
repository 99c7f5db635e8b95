import { calculateJwkThumbprint } from 'jose';
import { type Finding, finding, type JwkSet } from '../../federation/entry.js';
import { type KeyProof, verifyKeyProof } from '../../federation/key-proof.js';
import { sha256 } from '../../keys/random.js';
import type { Decision } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { lastHalts, whileHaltedSoOften } from '../../store/halted-keys.js';
import { dropStale, findChallenge, type KeyChallengeRow, putProofs, spendChallenge } from '../../store/key-standing.js';
import { othersBoundTo } from '../../store/member-lookups.js';
import { type Call, DEPLOYMENT } from '../call.js';
import { knownHalts } from '../members/halted-since.js';
import { Refusal } from '../refusal.js';
import { candidatesOf } from './candidates.js';
import type { Subject } from './challenge-keys.js';
import { changeKeysOf } from './change-keys-of.js';
import { PROOF_COUNTS } from './key-rules.js';

export interface ProvenKey {
  readonly kid: string;
  readonly thumbprint: string;
  readonly sha256: string;
}
export interface Proven {
  readonly purpose: KeyChallengeRow['purpose'];
  readonly at: number;
  readonly keys: readonly ProvenKey[];
}

/** Keys that are proven with one answer. */
export const MAX_PROOFS = 16;

/**
 * Take a member's answer to a challenge: one JWS for each key, all good or none counts. A refused answer leaves the challenge
 * as it is: nobody who has not the key gets further by trying, and a slip of the pen needs no new one.
 * @throws Refusal challenge_invalid, key_proof_invalid, key_already_bound
 */
export const proveKeys = (call: Call<Proven>, slug: string, id: string, challengeId: string, proofs: readonly string[]): Promise<Proven> =>
  changeKeysOf(call, slug, id, async (row, authority) =>
    proofOf(call, { ...row, kind: 'member' }, authority.entityId, challengeId, proofs, (handedIn) => candidatesOf(call.store.db, row, handedIn)),
  );

/** The decision of it, for whoever's keys they are. @param candidates the keys that may be proven, with those handed in */
export async function proofOf(
  call: Call,
  subject: Subject,
  aud: string,
  challengeId: string,
  proofs: readonly string[],
  candidates: (handedIn: JwkSet) => Promise<JwkSet> | JwkSet,
): Promise<Decision<Proven>> {
  const { db } = call.store;
  const { id, entityId, authorityId, kind, state } = subject;
  const now = call.now();
  const challenge = expectOpen(await findChallenge(db, id, challengeId), now);
  if (challenge.purpose === 'resume' && state !== 'suspended')
    throw new Refusal('challenge_invalid', `it was asked to come back from a suspension, and is ${state}; ${ANEW}`);
  const answers = await verified(proofs, challenge, aud, entityId, await candidates(challenge.jwks), now);
  const keys = await Promise.all(
    answers.map(async ({ jwk }, n) => ({ kid: jwk.kid, thumbprint: await calculateJwkThumbprint(jwk), sha256: await sha256(proofs[n] as string) })),
  );
  // A stranger is not told whose keys others are, nor what became of them; it is found when a person takes what he asks for.
  if (kind === 'member') await expectOwn(call, subject, keys);
  const untouched = kind === 'member' ? [await whileNotHaltedSince(call, subject, challenge, keys)] : [];
  return {
    events: [
      {
        type: `${kind}.keys_proven`,
        subjectKind: kind,
        subjectId: id,
        detail: { entity_id: entityId, challenge: challengeId, purpose: challenge.purpose, keys },
      },
    ],
    statements: [
      ...untouched,
      spendChallenge(db, challengeId, now),
      dropStale(id, now - PROOF_COUNTS),
      putProofs(
        keys.map(({ thumbprint, sha256: proofSha256 }) => ({
          memberId: id,
          thumbprint,
          authorityId,
          provenAt: now,
          proofPurpose: challenge.purpose,
          proofSha256,
        })),
      ),
    ],
    result: { purpose: challenge.purpose, at: now, keys },
  };
}

const ANEW = 'make another one: holdfast member challenge';

/** @throws Refusal challenge_invalid */
function expectOpen(challenge: KeyChallengeRow | undefined, now: number): KeyChallengeRow {
  if (!challenge) throw new Refusal('challenge_invalid', `this member was asked no such thing, or it is long over; ${ANEW}`);
  if (challenge.usedAt !== null) throw new Refusal('challenge_invalid', `it was answered already, and counts once; ${ANEW}`);
  if (challenge.expiresAt <= now) throw new Refusal('challenge_invalid', `it could be answered until ${challenge.expiresAt}; ${ANEW}`);
  return challenge;
}

/** @throws Refusal key_proof_invalid with every fault, by which proof it is in */
async function verified(
  proofs: readonly string[],
  { nonceSha256, purpose }: KeyChallengeRow,
  audience: string,
  subject: string,
  candidates: Awaited<ReturnType<typeof candidatesOf>>,
  now: number,
): Promise<readonly KeyProof[]> {
  const answers: KeyProof[] = [];
  const faults: Finding[] = [];
  for (const [n, compact] of proofs.entries()) {
    const at = (where: string) => `proofs/${n}${where && `/${where}`}`;
    const proof = await verifyKeyProof(compact, { audience, subject, purpose, candidates, now });
    if (!proof.ok) faults.push(...proof.findings.map((one) => ({ ...one, where: at(one.where) })));
    else if ((await sha256(proof.value.nonce)) !== nonceSha256) faults.push(finding('key_proof_wrong', at('nonce'), 'it is not the nonce of this challenge'));
    else if (answers.some(({ jti }) => jti === proof.value.jti))
      faults.push(finding('key_proof_wrong', at('jti'), 'another proof of this answer has the same'));
    else if (answers.some(({ jwk }) => jwk.kid === proof.value.jwk.kid))
      faults.push(finding('key_proof_wrong', at('header/kid'), 'this key is proven already'));
    else answers.push(proof.value);
  }
  if (faults.length) throw new Refusal('key_proof_invalid', 'this does not prove that the member has the keys; nothing was recorded', faults);
  return answers;
}

/**
 * The answer may be older than it is handed in, but not than the question. One that was asked before a halt of the key is no
 * proof of after it; whoever halts it meanwhile, in whatever chain, has it decided again.
 * @throws Refusal challenge_invalid
 */
async function whileNotHaltedSince(
  { store: { db } }: Call,
  { authorityId }: Subject,
  { createdAt }: KeyChallengeRow,
  keys: readonly ProvenKey[],
): Promise<Statement> {
  const thumbprints = keys.map(({ thumbprint }) => thumbprint);
  const { times } = await knownHalts(db, thumbprints);
  const [halted] = [...(await lastHalts(db, authorityId, thumbprints))].filter(([, at]) => at >= createdAt);
  if (halted) throw new Refusal('challenge_invalid', `the key ${halted[0]} was halted since this was asked; ${ANEW}`);
  return whileHaltedSoOften(authorityId, DEPLOYMENT, thumbprints, times);
}

/** A key that two have is one compromise for two. @throws Refusal key_already_bound */
async function expectOwn({ store: { db } }: Call, { id, authorityId }: Subject, keys: readonly ProvenKey[]): Promise<void> {
  const [other] = await othersBoundTo(
    db,
    authorityId,
    id,
    keys.map(({ thumbprint }) => thumbprint),
  );
  if (other)
    throw new Refusal('key_already_bound', `the key ${other.thumbprint} is bound to ${other.entityId} (${other.state}); let each have keys of its own`);
}
