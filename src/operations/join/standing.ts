import { type ApplicationRow, type ApplicationWithMember, OPEN_STATES } from '../../store/applications.js';
import type { MemberState } from '../../store/schema.js';

/** Where an application stands: by itself until it is taken, then where the member stands that was made of it. */
export function standsAt({ application, member }: ApplicationWithMember): MemberState {
  if (application.state !== 'taken') return application.state;
  // Its member has come in again by another enrolment: it is none of this application's.
  return member?.state ?? 'archived';
}

/** Nobody has decided about it for good. */
export const isOpen = (found: ApplicationWithMember): boolean => OPEN_STATES.includes(standsAt(found));

/** Whose turn it is; null: nobody's, whatever became of its member. */
export const waitsOn = (found: ApplicationWithMember): ApplicationRow['waitingOn'] => (isOpen(found) ? found.application.waitingOn : null);

/** What an applicant does next, in words for it. */
export function nextSteps(found: ApplicationWithMember): readonly string[] {
  const { requested, waitingOn, entityId } = found.application;
  const state = standsAt(found);
  switch (state) {
    case 'applied':
    case 'vetting':
      return [
        ...(requested.jwks ? [] : [`Publish your entity configuration at ${entityId}/.well-known/openid-federation, or hand in your keys (edit: jwks).`]),
        ...(waitingOn === 'applicant' ? ['The authority asked you something: read the messages, change what is wrong, then answer with a message.'] : []),
        'Prove that you have your keys: ask for a challenge, sign it with each key, send the proofs. A proof counts for a day.',
        'Check what you publish: run the pre-flight.',
        ...(waitingOn === 'reviewer' ? ['Wait: a person of the authority looks at it.'] : []),
      ];
    case 'approved':
      return ['Keep your entity configuration published, and prove your keys again if the last proof is older than a day. The authority activates you.'];
    case 'active':
      return ['You are a member. Fetch the statement about you from the authority, and resolve your chain.'];
    case 'refused':
      return ['Read why, and where you can turn to. You may apply again with another join link.'];
    case 'withdrawn':
      return ['You may apply again with another join link.'];
    default:
      return ['This application has come to its end; write to the authority.'];
  }
}

/** What a reviewer does next. */
export function nextForReviewer(found: ApplicationWithMember): readonly string[] {
  const { id, memberId } = found.application;
  const waitingOn = waitsOn(found);
  const state = standsAt(found);
  const refuse = `or refuse it: holdfast application refuse ${id}`;
  if (waitingOn === 'applicant') return [`the applicant is to answer; ${refuse}`];
  if (state === 'applied') return [`take it: holdfast application take ${id}`, `ask: holdfast application ask ${id} <text>`, refuse];
  if (state === 'vetting') return [`approve it: holdfast member approve ${memberId}`, refuse];
  if (state === 'approved') return [`activate it: holdfast member activate ${memberId}`];
  return [];
}
