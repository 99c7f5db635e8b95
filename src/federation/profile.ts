import type { EntityStatement } from './entity-statement.js';
import { failure, finding, type Finding, type Result, success } from './finding.js';
import { outcomeOf } from './profile-checks.js';
import { type Profile, type ProfileEvidence, type ProfileRule, profileSchema } from './profile-schema.js';

/** Read a profile from somewhere else. Findings: claim_invalid with the place in the file. */
export function parseProfile(value: unknown): Result<Profile> {
  const parsed = profileSchema.safeParse(value);
  return parsed.success
    ? success(parsed.data)
    : failure(
        ...parsed.error.issues.map((issue) => ({ ...finding('claim_invalid', `profile/${issue.path.join('/')}`, issue.message), fix: 'Correct the profile.' })),
      );
}

export type ProfileFinding = Finding & { readonly severity: 'error' | 'warning' };

/**
 * Check an Entity Configuration against a profile; every fault is reported, with the rule's own words, document and section.
 * What `evidence` does not tell is a warning `profile_unchecked`, never silence.
 */
export function checkProfile(profile: Profile, statement: EntityStatement, evidence: ProfileEvidence = {}): readonly ProfileFinding[] {
  const metadata = statement.claims.metadata ?? {};
  const federation = metadata['federation_entity'] ?? {};
  const superior = federation['federation_fetch_endpoint'] !== undefined;
  const anchor = superior && !statement.claims.authority_hints?.length;
  const concerns: Record<ProfileRule['applies_to'], boolean> = {
    all: true,
    leaf: !superior,
    intermediate: superior,
    trust_anchor: anchor,
    subordinate_authority: superior && !anchor,
    below_anchor: !anchor,
    trust_mark_issuer: federation['federation_trust_mark_endpoint'] !== undefined || federation['federation_trust_mark_status_endpoint'] !== undefined,
    own_authority: evidence.own !== undefined,
  };
  const concerned = (one: ProfileRule) => concerns[one.applies_to] && (!one.with_types || one.with_types.some((type) => Object.hasOwn(metadata, type)));
  return profile.rules.filter(concerned).flatMap((one) => {
    const outcome = outcomeOf(one.check, statement, evidence);
    const said = {
      clause: `${one.document ?? profile.document ?? profile.title}${one.document === undefined ? ` ${profile.version}` : ''}${one.source && `, ${one.source}`}`,
      fix: one.fix,
      transient: false,
    };
    if ('unchecked' in outcome)
      return [{ ...said, code: 'profile_unchecked', where: one.id, detail: `${one.says} (not checked: ${outcome.unchecked})`, severity: 'warning' } as const];
    return outcome.map(
      ([where, detail]): ProfileFinding => ({ ...said, code: 'profile_rule', where, detail: `${one.says} (${detail})`, severity: one.severity }),
    );
  });
}
