import { asNumber } from './words.js';

/**
 * Events after which somebody may be worth less than before: a status list that was made from what was so before is not served
 * any more. Each is in the chain of the authority whose list it is, in the commit that did it, so a cut has nothing to do for it, whoever
 * carries it out: also a version that knows no lists. What only adds, and what lists say nothing about, is named too: a test
 * wants every type in one of the two.
 */
export const NARROWING_EVENTS = [
  'accreditation.verified',
  'accreditation.withdrawn',
  'agent.renewed',
  'authority.admission_changed',
  'authority.binding_changed',
  'authority.changed',
  'authority.halted',
  'authority.retired',
  'deployment.restored',
  'initial_access_token.redeemed',
  'initial_access_token.revoked',
  'key.halted',
  'key.revoked',
  'member.archived',
  'member.changed',
  'member.hold_accepted',
  'member.key_compromised',
  'member.key_halted',
  'member.keys_adopted',
  'member.keys_end_moved',
  'member.keys_replaced',
  'member.left_suspended',
  'member.reattested',
  'member.revoked',
  'member.sent_back',
  'member.sponsor_removed',
  'member.sponsored',
  'member.suspended',
  'organization.halted',
  'software_statement.revoked',
] as const;

/** Whom they are about may be worth more than a list says: it stays served, which is not unsafe, and is signed anew at once. */
export const RESTORING_EVENTS = ['authority.resumed', 'member.resumed', 'organization.resumed'] as const;

/** Somebody may have got a place in a list that was never signed. */
export const PLACING_EVENTS = ['member.activated', 'member.enrolled', 'initial_access_token.issued', 'software_statement.issued'] as const;

/**
 * Something narrowed since.
 * @param of what has an authority, and in `cut` the last event that it knows of; a cell that holds no number knows of none
 * @param until and not later than that time; left out: until now
 */
export const NARROWED_SINCE = (of: string, until?: string): string => movedSince(of, NARROWING_EVENTS, until);

/** Something happened since that a list may say, in either direction. */
export const MOVED_SINCE = (of: string): string => movedSince(of, [...NARROWING_EVENTS, ...RESTORING_EVENTS]);

const movedSince = (of: string, types: readonly string[], until?: string): string =>
  `EXISTS (SELECT 1 FROM event AS narrowing WHERE narrowing.authority_id = ${of}.authority_id AND narrowing.seq > ${asNumber(`${of}.cut`)}
    AND narrowing.type IN (${types.map((type) => `'${type}'`).join(', ')})${until === undefined ? '' : ` AND narrowing.at <= ${until}`})`;
