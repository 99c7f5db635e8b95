import type { KeyProofPurpose } from '../../federation/key-proof.js';
import type { MemberState } from '../../store/schema.js';
import { candidatesOf } from '../binding/candidates.js';
import { challengeOf, type Challenged, type Subject } from '../binding/challenge-keys.js';
import { proofOf, type Proven } from '../binding/prove-keys.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import { changeOwn, type Own } from './applicant.js';
import { isOpen, standsAt } from './standing.js';

const BIND: KeyProofPurpose = 'bind';
const NO_KEYS = { keys: [] };

/** Whose keys they are: of the member, once a person has made one of the application. */
const subjectOf = ({ application: { id, entityId, authorityId }, member }: Own): Subject =>
  member ? { ...member, kind: 'member' } : { id, entityId, authorityId, kind: 'application', state: 'applied' satisfies MemberState };

/** @throws Refusal wrong_state */
function expectProvable(own: Own): void {
  if (!isOpen(own)) throw new Refusal('wrong_state', `this application is ${standsAt(own)}; keys of members are proven to the authority itself`);
  if (!own.member && !own.application.requested.jwks) throw new Refusal('wrong_state', 'hand in your public keys first (edit: jwks); then they can be proven');
}

/** An applicant asks what it has to sign. @throws Refusal not_found, wrong_state */
export const challengeOwn = (deployment: Deployment, id: string, token: string): Promise<Challenged> =>
  changeOwn<Challenged>(deployment, id, token, async (own, call) => {
    expectProvable(own);
    return challengeOf(call, subjectOf(own), own.authority.entityId, { purpose: BIND });
  });

/** And answers with one JWS for each key. @throws Refusal not_found, wrong_state, challenge_invalid, key_proof_invalid */
export const proveOwn = (deployment: Deployment, id: string, token: string, challengeId: string, proofs: readonly string[]): Promise<Proven> =>
  changeOwn<Proven>(deployment, id, token, async (own, call) => {
    expectProvable(own);
    const { member } = own;
    const keys = member ? await candidatesOf(call.store.db, member, own.application.requested.jwks) : (own.application.requested.jwks ?? NO_KEYS);
    return proofOf(call, subjectOf(own), own.authority.entityId, challengeId, proofs, () => keys);
  });
