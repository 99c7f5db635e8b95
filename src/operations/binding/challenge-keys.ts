import type { JwkSet } from '../../federation/entry.js';
import type { KeyChallenge, KeyProofPurpose } from '../../federation/key-proof.js';
import { newId, newNonce, sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { dropChallenges, openChallenges } from '../../store/key-standing.js';
import { keyChallenge, type MemberState } from '../../store/schema.js';
import type { Decision } from '../../store/change.js';
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

/** Whose keys they are: a member, or an application that nobody has taken yet. */
export interface Subject {
  readonly id: string;
  readonly entityId: string;
  readonly authorityId: string;
  readonly kind: 'member' | 'application';
  readonly state: MemberState;
}

/**
 * Ask a member to prove that it has its keys. The nonce is told once; only its digest is kept.
 * @param handedIn keys that are not bound and are to be (a JWK Set)
 * @throws Refusal key_unacceptable, wrong_state
 */
export const challengeKeys = (
  call: Call<Challenged>,
  slug: string,
  id: string,
  asked: { readonly purpose?: KeyProofPurpose | undefined; readonly jwks?: unknown } = {},
): Promise<Challenged> => changeKeysOf(call, slug, id, (row, authority) => challengeOf(call, { ...row, kind: 'member' }, authority.entityId, asked));

/** The decision of it, for whoever's keys they are. @param aud the Entity Identifier of the authority */
export async function challengeOf(
  { store: { db }, now: clock }: Call,
  { id, entityId, authorityId, kind, state }: Subject,
  aud: string,
  { purpose: asked, jwks: handedIn }: { readonly purpose?: KeyProofPurpose | undefined; readonly jwks?: unknown },
): Promise<Decision<Challenged>> {
  const now = clock();
  const jwks = handedIn === undefined ? { keys: [] } : await acceptable(handedIn, now);
  if ((await openChallenges(db, id, now)).length >= MAX_OPEN)
    throw new Refusal('wrong_state', `${MAX_OPEN} challenges of ${entityId} wait for an answer; answer one, or wait until they end (${CHALLENGE_LIFETIME} s)`);
  const purpose = asked ?? PURPOSE_IN[state] ?? 'bind';
  if (purpose === 'resume' && state !== 'suspended') throw new Refusal('wrong_state', `${entityId} is ${state}: only a suspended member comes back`);
  const nonce = newNonce();
  const expiresAt = now + CHALLENGE_LIFETIME;
  const challenge = { id: newId('chl'), authorityId, memberId: id, nonceSha256: await sha256(nonce), purpose, jwks, createdAt: now, expiresAt, usedAt: null };
  return {
    events: [
      {
        type: `${kind}.key_challenged`,
        subjectKind: kind,
        subjectId: id,
        detail: { entity_id: entityId, challenge: challenge.id, purpose, kids: jwks.keys.map(({ kid }) => kid), exp: expiresAt },
      },
    ],
    statements: [dropChallenges(db, id, now), insertRows(keyChallenge, [challenge])],
    result: { id: challenge.id, nonce, aud, sub: entityId, purpose, exp: expiresAt },
  };
}

/** Every key that is handed in is one that could be bound; none is left out silently. */
async function acceptable(jwks: unknown, now: number): Promise<JwkSet> {
  const keys = await givenKeys({ jwks }, now);
  const findings = keys.ok ? keys.value.ignored : keys.findings;
  if (!keys.ok || findings.length) throw new Refusal('key_unacceptable', 'not every key that was handed in could be bound', findings);
  return keys.value.jwks;
}
