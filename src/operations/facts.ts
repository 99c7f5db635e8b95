import { agentListsMoved } from '../store/agent-authorities.js';
import type { Statement } from '../store/database.js';
import { dueUnderLocal, knownDue } from '../store/due-slices.js';
import {
  dropUnder,
  dueBelow,
  dueBelowHolders,
  dueElsewhere,
  dueResting,
  forgetMembers,
  knowMembers,
  withholdResting,
  withholdUnder,
} from '../store/known-entities.js';

import { listingsDue, localListingsDue } from '../store/superior-listings.js';

/**
 * What an operation brought about, as far as evaluations rest on it. Operations state facts; this is the one place that says
 * which answers go, wait or are evaluated anew for each, in the operation's own commit. A write of members states its facts
 * itself (members/write-member.ts). Nobody else uses the statements of `store/known-entities.ts`; a test looks for others.
 */
export type Fact =
  /** A statement about each stands from now on. `apart`: each is an act of its own, written together with others. */
  | { readonly fact: 'members in force'; readonly entityIds: readonly string[]; readonly apart?: boolean }
  /** Our statements about members say something else, or what they point at does. */
  | { readonly fact: 'statement changed'; readonly entityIds: readonly string[] }
  /** The statements about all that have a bundle say something else. */
  | { readonly fact: 'bundle changed'; readonly bundle: string }
  /** There is no statement about these members any more. */
  | { readonly fact: 'member cut'; readonly entityIds: readonly string[] }
  /** The list of the authority is another one. */
  | { readonly fact: 'members came or went' }
  /** What these intermediates list may be something else, or is listed for the first time. */
  | { readonly fact: 'superiors changed'; readonly entityIds: readonly string[] }
  /** Every statement of the authority says something else. */
  | { readonly fact: 'all statements changed' }
  /** A key of the authority was revoked: what it signed vouches for nothing. */
  | { readonly fact: 'key revoked' }
  /** The authority vouches as a Trust Anchor for less than before: an issuer, a type of mark. */
  | { readonly fact: 'recognizes less' }
  /** Nothing of the authority is served any more. */
  | { readonly fact: 'authority stopped' }
  /** The authority is back, and counts again as a Trust Anchor for the others here that have pinned it. */
  | { readonly fact: 'authority back'; readonly entityId: string }
  /** The authority resolves under other Trust Anchors, or under one with other keys. */
  | { readonly fact: 'anchors changed' }
  /** What was found under a Trust Anchor was proved with keys that count no more. */
  | { readonly fact: 'anchor narrowed'; readonly trustAnchor: string };

/**
 * @param now seconds since the epoch
 * @param most rows that the commit makes due, of what reaches all of an authority; what is more goes in slices (store/due-slices.ts)
 */
export function consequencesOf(authorityId: string, fact: Fact, now: number, most?: number): readonly Statement[] {
  switch (fact.fact) {
    case 'members in force':
      return fact.entityIds.length ? [knowMembers(authorityId, fact.entityIds, now, fact.apart)] : [];
    case 'statement changed':
      return dueBelow(authorityId, fact.entityIds, now);
    case 'bundle changed':
      return [dueBelowHolders(authorityId, fact.bundle, now)];
    case 'member cut':
      return forgetMembers(authorityId, fact.entityIds, now);
    case 'members came or went':
      return [localListingsDue([authorityId], now)];
    case 'superiors changed':
      return [listingsDue(authorityId, fact.entityIds, now)];
    case 'all statements changed':
      return dueResting(authorityId, now, most);
    case 'key revoked':
      return withholdResting(authorityId, now, most);
    case 'recognizes less':
      return withholdUnder(authorityId, now, most);
    case 'authority stopped':
      return dueElsewhere(authorityId, now, most);
    case 'authority back':
      return [...dueUnderLocal(fact.entityId, now, most), agentListsMoved(authorityId, now)];
    case 'anchors changed':
      return knownDue(authorityId, now, most);
    case 'anchor narrowed':
      return dropUnder(authorityId, fact.trustAnchor);
  }
}
