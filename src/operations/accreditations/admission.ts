import type { AccreditationRow } from '../../store/accreditations.js';
import type { Admission, AdmissionRules } from '../../store/schema.js';
import type { MemberRow } from '../registry.js';

/** What has to be so that a member is in force, pure: the rules of its authority, and what it has. */

/** Rules under this name are about all members. */
export const EVERYONE = '*';

export interface Needs {
  readonly kinds: readonly string[];
  readonly sponsor: boolean;
}

/** What of a member the rules look at. */
export type Judged = Pick<MemberRow, 'id' | 'authorityId' | 'organizationId' | 'entityTypes' | 'metadata' | 'sponsor' | 'reattestBy'>;

/** What it is, as far as that is on record; null: that cannot be read. */
function typesOf({ entityTypes, metadata }: Pick<Judged, 'entityTypes' | 'metadata'>): readonly string[] | null {
  try {
    return [...new Set([...entityTypes, ...Object.keys(metadata)])];
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const together = (rules: readonly Admission[]): Needs => ({
  kinds: [...new Set(rules.flatMap(({ accreditations = [] }) => accreditations))].toSorted(),
  sponsor: rules.some(({ sponsor }) => sponsor === 'required'),
});

/** No types on record are no limit, and those that cannot be read neither: then it needs whatever anybody needs. */
export function needsOf(rules: AdmissionRules, member: Pick<Judged, 'entityTypes' | 'metadata'>): Needs {
  const types = typesOf(member);
  const names = types?.length ? [EVERYONE, ...types] : Object.keys(rules);
  return together(names.flatMap((name) => (Object.hasOwn(rules, name) && rules[name] ? [rules[name]] : [])));
}

/** Does whoever meets the one meet the other too? */
export const meetsToo = (one: Needs, other: Needs): boolean => other.kinds.every((kind) => one.kinds.includes(kind)) && (one.sponsor || !other.sponsor);

/** What of them lets in who was kept out before, by Entity Type. */
export function loosenedRules(before: AdmissionRules, after: AdmissionRules): readonly string[] {
  const of = (rules: AdmissionRules, type: string) => needsOf(rules, { entityTypes: [type], metadata: {} });
  const names = [...new Set([EVERYONE, ...Object.keys(before), ...Object.keys(after)])];
  return names.filter((type) => !meetsToo(of(after, type), of(before, type)));
}

export interface Standing {
  /** What it needs and has not: kinds of accreditation, `sponsor`, `reattestation`. */
  readonly missing: readonly string[];
  /** The end of the accreditations that it needs, of those that are not missing; null when they have none. */
  readonly until: number | null;
}

type Dated = Pick<AccreditationRow, 'kind' | 'state' | 'validFrom' | 'validUntil'>;

/** A cell that holds no time counts for nothing. */
const isDated = ({ validFrom, validUntil }: Dated): boolean => typeof validFrom === 'number' && (validUntil === null || typeof validUntil === 'number');

/** Until when one of them is in force without a gap; undefined: none is, now. */
export function coveredUntil(accreditations: readonly Dated[], kind: string, now: number): number | null | undefined {
  const mine = accreditations.filter((one) => one.kind === kind && one.state === 'in_force' && isDated(one));
  let end = now;
  for (let moved = true; moved; ) {
    const on = mine.filter(({ validFrom, validUntil }) => validFrom <= end && (validUntil === null || validUntil > end));
    if (on.some(({ validUntil }) => validUntil === null)) return null;
    moved = on.length > 0;
    if (moved) end = Math.max(...on.map(({ validUntil }) => validUntil as number));
  }
  return end > now ? end : undefined;
}

/** Somebody answers for it: a cell that cannot be read names nobody. */
function hasSponsor({ sponsor }: Judged): boolean {
  try {
    return sponsor !== null && typeof sponsor.name === 'string' && typeof sponsor.email === 'string';
  } catch {
    return false;
  }
}

export function standingOf(needs: Needs, accreditations: readonly Dated[], member: Judged, now: number): Standing {
  const ends = needs.kinds.map((kind) => ({ kind, end: coveredUntil(accreditations, kind, now) }));
  const given = ends.flatMap(({ end }) => (typeof end === 'number' ? [end] : []));
  const { reattestBy } = member;
  return {
    missing: [
      ...ends.flatMap(({ kind, end }) => (end === undefined ? [kind] : [])),
      ...(needs.sponsor && !hasSponsor(member) ? ['sponsor'] : []),
      ...((reattestBy === null ? needs.sponsor : reattestBy <= now) ? ['reattestation'] : []),
    ],
    until: given.length ? Math.min(...given) : null,
  };
}

const WAYS: Readonly<Record<string, string>> = {
  sponsor: 'somebody who answers for it (holdfast member sponsor)',
  reattestation: 'that somebody says it is still needed (holdfast member reattest)',
};

/** What is missing, for a person. */
export const inWords = (missing: readonly string[]): string =>
  missing.map((one) => WAYS[one] ?? `an accreditation ${one} in force, of the member or of its organization (holdfast accreditation add, verify)`).join('; ');
