import canonicalize from 'canonicalize';
import { jsonEqual } from '../../federation/strict-json.js';
import { sha256 } from '../../keys/random.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

/**
 * What a person approved is what is published. The rules, pure; `write-member.ts` applies them to every write of a member.
 */

/** Where a member stands and how we keep its record. Every other column is content: a new one is, unless it is named here. */
const NOT_CONTENT = [
  'state',
  'stateReason',
  'suspendedWith',
  // Whether we serve the configuration: the member signed it, and it ends with each cut.
  'hosted',
  'keysIat',
  'removedKeys',
  'keysFollowedAt',
  // It is in the keys, which are content.
  'keysUntil',
  // Two persons decide about accreditations and attestations by themselves (decided-by.ts).
  'accreditedUntil',
  'sponsor',
  'reattestBy',
  'reattestTold',
  'cut',
  'approvedSha256',
  // How the content came in; two persons decide about it all the same (decided-by.ts).
  'waived',
  'notBefore',
  'predecessor',
  'submittedBy',
  'lastEditor',
  'entitlementVersion',
  'spelling',
  'statusList',
  'statusIdx',
  'createdAt',
  'updatedAt',
  'v',
] as const satisfies readonly (keyof MemberRow)[];

type Content = Omit<MemberRow, (typeof NOT_CONTENT)[number]>;

const EXCEPT: ReadonlySet<string> = new Set(NOT_CONTENT);
const contentOf = (row: MemberRow): Content => Object.fromEntries(Object.entries(row).filter(([name]) => !EXCEPT.has(name))) as unknown as Content;

/** Before there were entitlements and vouched issuers a digest did not speak of them: of whoever has none it says the same today. */
function approvedOf(row: MemberRow): Partial<Content> {
  const { entitlements, bundles, vouchedIssuers, ...content } = contentOf(row);
  return {
    ...content,
    ...((entitlements !== null || bundles.length > 0) && { entitlements, bundles }),
    ...(vouchedIssuers.length > 0 && { vouchedIssuers }),
  };
}

/**
 * SHA-256 over the canonical form (RFC 8785) of everything about a member that an approval is about; null: a cell of it is
 * damaged, so nobody has decided about it.
 */
export async function contentDigest(row: MemberRow): Promise<string | null> {
  let content: string;
  try {
    content = canonicalize(approvedOf(row)) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return sha256(content);
}

const inWords = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Which content differs, in the words of the API. */
export const contentChanged = (before: MemberRow, after: MemberRow): readonly string[] => {
  const [old, fresh] = [contentOf(before), contentOf(after)];
  return (Object.keys(fresh) as (keyof Content)[]).filter((name) => !jsonEqual(old[name], fresh[name])).map(inWords);
};

/** Is its content other than what was approved, or in force when it was suspended? Unknown counts as other. */
export async function isStale(row: MemberRow): Promise<boolean> {
  const digest = await contentDigest(row);
  return digest === null || row.approvedSha256 !== digest;
}

/**
 * A member as it may be written: a change of what was approved takes the approval away, and nothing is published that
 * nobody approved.
 * @param before undefined for one that is enrolled now
 * @param decided somebody who may approve has decided about just this content
 * @throws Refusal wrong_state
 */
export async function settled(before: MemberRow | undefined, after: MemberRow, decided: boolean): Promise<MemberRow> {
  const digest = await contentDigest(after);
  switch (after.state) {
    case 'approved':
      if (before?.state !== 'approved' || decided) return { ...after, approvedSha256: digest };
      return digest !== null && before.approvedSha256 === digest ? { ...after, approvedSha256: digest } : { ...after, state: 'vetting', approvedSha256: null };
    case 'active':
      if (before && !decided && ['approved', 'suspended'].includes(before.state) && (before.approvedSha256 !== digest || (await isStale(before))))
        throw new Refusal('wrong_state', notDecided(before));
      return { ...after, approvedSha256: digest };
    case 'suspended':
      // It was in force until this moment.
      if (before?.state === 'active') return { ...after, approvedSha256: digest };
      // Enrolled so, or come back so: whoever was refused, withdrawn or revoked is nobody that was approved.
      if (before?.state !== 'suspended') return { ...after, approvedSha256: decided ? digest : null };
      // Who decides about a change has not decided about another one before it.
      return { ...after, approvedSha256: decided && !(await isStale(before)) ? digest : before.approvedSha256 };
    default:
      return { ...after, approvedSha256: null };
  }
}

/** Null: it was suspended or approved before this was kept, or was enrolled suspended. */
const notDecided = ({ state, entityId, v, approvedSha256 }: MemberRow): string => {
  const known = approvedSha256 !== null;
  if (state === 'approved')
    return known
      ? `what stands here of ${entityId} is not what was approved; look at it and approve it again`
      : `what was approved of ${entityId} is not on record: an earlier version approved it; look at it and approve it again`;
  const why = known
    ? `${entityId} was changed while it was suspended`
    : `what was in force of ${entityId} is not on record: it was suspended by an earlier version, or enrolled suspended`;
  return `${why}; look at it, then resume the version you saw: --seen ${v} (API: v)`;
};
