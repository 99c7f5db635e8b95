import type { JwkSet } from '../../federation/entry.js';
import type { KeyChallenge, KeyProofPurpose } from '../../federation/key-proof.js';
import { newId, newNonce, sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { dropChallenges, openChallenges } from '../../store/key-standing.js';
import { keyChallenge, type MemberState } from '../../store/schema.js';
import type { Call } from '../call.js';
import { givenKeys } from '../members/member-keys.js';
import { Refusal } from '../refusal.js';
import { changeKeysOf } from './change-keys-of.js';

export interface Challenged extends KeyChallenge {
  readonly id: string;
  /** Whose keys they are. */
  readonly sub: string;
  /** Until when it can be answered. */
  readonly exp: number;
}

/** How long a challenge can be answered (seconds), and how many of a member wait for an answer at a time. */
const CHALLENGE_LIFETIME = 600;
const MAX_OPEN = 16;

const PURPOSE_IN: Partial<Record<MemberState, KeyProofPurpose>> = { active: 'rotate', suspended: 'resume' };

/**
 * Ask a member to prove that it has its keys. The nonce is told once; only its digest is kept.
 * @param handedIn keys that are not bound and are to be (a JWK Set)
 * @throws Refusal key_unacceptable, wrong_state
 */
export async function challengeKeys(
  call: Call<Challenged>,
  slug: string,
  id: string,
  { purpose: asked, jwks: handedIn }: { readonly purpose?: KeyProofPurpose | undefined; readonly jwks?: unknown } = {},
): Promise<Challenged> {
  const { db } = call.store;
  const nonce = newNonce();
  const nonceSha256 = await sha256(nonce);
  const challengeId = newId('chl');
  return changeKeysOf(call, slug, id, async (row, authority) => {
    const { entityId } = row;
    const now = call.now();
    const jwks = handedIn === undefined ? { keys: [] } : await acceptable(handedIn, now);
    if ((await openChallenges(db, row.id, now)).length >= MAX_OPEN)
      throw new Refusal(
        'wrong_state',
        `${MAX_OPEN} challenges of ${entityId} wait for an answer; answer one, or wait until they end (${CHALLENGE_LIFETIME} s)`,
      );
    const purpose = asked ?? PURPOSE_IN[row.state] ?? 'bind';
    if (purpose === 'resume' && row.state !== 'suspended') throw new Refusal('wrong_state', `${entityId} is ${row.state}: only a suspended member comes back`);
    const expiresAt = now + CHALLENGE_LIFETIME;
    const challenge = { id: challengeId, authorityId: authority.id, memberId: row.id, nonceSha256, purpose, jwks, createdAt: now, expiresAt, usedAt: null };
    return {
      events: [
        {
          type: 'member.key_challenged',
          subjectKind: 'member',
          subjectId: row.id,
          detail: { entity_id: entityId, challenge: challengeId, purpose, kids: jwks.keys.map(({ kid }) => kid), exp: expiresAt },
        },
      ],
      statements: [dropChallenges(db, row.id, now), insertRows(keyChallenge, [challenge])],
      result: { id: challengeId, nonce, aud: authority.entityId, sub: entityId, purpose, exp: expiresAt },
    };
  });
}

/** Every key that is handed in is one that could be bound; none is left out silently. */
async function acceptable(jwks: unknown, now: number): Promise<JwkSet> {
  const keys = await givenKeys({ jwks }, now);
  const findings = keys.ok ? keys.value.ignored : keys.findings;
  if (!keys.ok || findings.length) throw new Refusal('key_unacceptable', 'not every key that was handed in could be bound', findings);
  return keys.value.jwks;
}
