import { type Finding, finding, isTrustMarkType, limits, type Metadata, parseEntityId, parseMetadata } from '../../federation/entry.js';
import type { Statement } from '../../store/database.js';
import type { ClientAuth, EC_LOCATION_MODES } from '../../store/schema.js';
import type { Call } from '../call.js';
import { expectNotCompromised, whileNotCompromised } from '../keys/not-compromised.js';
import { ownerThumbprints } from '../keys/owner-keys.js';
import { refuseFindings } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';
import { homeOf, RESERVED_CLAIMS } from './claim-homes.js';

/** What may be said about an authority; everything has a default. Times in seconds. */
export interface AuthorityInput {
  readonly metadata?: Metadata | undefined;
  /** Further claims of the Entity Configuration, such as trust_mark_issuers. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly authorityHints?: readonly string[] | undefined;
  readonly configurationLifetime?: number | undefined;
  readonly statementLifetime?: number | undefined;
  readonly clientAuth?: ClientAuth | undefined;
  readonly keyRotation?: number | null | undefined;
  readonly ecLocation?: (typeof EC_LOCATION_MODES)[number] | undefined;
  readonly subordinateEvents?: boolean | undefined;
  readonly entityCollection?: boolean | undefined;
  /** `organization_name` of its federation_entity metadata, whatever else is there; null takes it out. */
  readonly organizationName?: string | null | undefined;
}

type OwnMetadata = AuthorityRow['metadata'];

/** Metadata with another `organization_name`. */
export function named(metadata: OwnMetadata, name: string | null | undefined): OwnMetadata {
  if (name === undefined) return metadata;
  const { organization_name: _, ...entity } = metadata['federation_entity'] ?? {};
  return { ...metadata, federation_entity: { ...entity, ...(name !== null && { organization_name: name }) } };
}

/** Claims of a configuration that an operator may set himself; the others come from keys, metadata and settings. */
const OWN_CLAIMS = new Set(['trust_mark_issuers', 'trust_mark_owners', 'trust_anchor_hints', 'crit']);
const MIN_ROTATION = 24 * 60 * 60;

function inputFindings(input: AuthorityInput, development: boolean): readonly Finding[] {
  const findings: Finding[] = [];
  const no = (where: string, detail: string, fix: string) => findings.push({ ...finding('claim_invalid', where, detail), fix });
  const metadata = parseMetadata(input.metadata ?? {});
  if (!metadata.ok) findings.push(...metadata.findings);
  for (const name of Object.keys(input.claims ?? {}))
    if (RESERVED_CLAIMS.has(name) && !OWN_CLAIMS.has(name)) no(`claims/${name}`, `"${name}" is not set as a further claim`, homeOf('authority', name).fix);
  // A type identifier must not collide across federations: a URL of whoever defines it (§7.1).
  for (const claim of ['trust_mark_issuers', 'trust_mark_owners'])
    for (const type of Object.keys((input.claims?.[claim] as object | undefined) ?? {}))
      if (!isTrustMarkType(type)) no(`claims/${claim}`, `"${type.slice(0, 80)}" is no URL`, 'Name a trust mark type by a URL.');
  for (const [n, hint] of (input.authorityHints ?? []).entries()) {
    const id = parseEntityId(hint, { development });
    if (!id.ok) findings.push(...id.findings.map((one) => ({ ...one, where: `authority_hints/${n}` })));
  }
  for (const [name, seconds] of [
    ['configuration_lifetime', input.configurationLifetime],
    ['statement_lifetime', input.statementLifetime],
  ] as const) {
    if (seconds !== undefined && (seconds < limits.MIN_STATEMENT_LIFETIME || seconds > limits.MAX_STATEMENT_LIFETIME))
      no(name, `${seconds} s`, `Choose between ${limits.MIN_STATEMENT_LIFETIME} and ${limits.MAX_STATEMENT_LIFETIME} seconds.`);
  }
  if (typeof input.keyRotation === 'number' && input.keyRotation < MIN_ROTATION)
    no('key_rotation', `${input.keyRotation} s`, `Rotate at most once a day (${MIN_ROTATION} s).`);
  return findings;
}

export function expectInput(input: AuthorityInput, development: boolean): void {
  const findings = inputFindings(input, development);
  if (findings.length) throw refuseFindings('the authority is not described correctly', findings);
}

/**
 * No owner of a type is named with a key that was called compromised here, also not since it was asked.
 * @throws Refusal invalid_request
 */
export async function expectSoundOwners({ store: { db } }: Call, authorityId: string, claims: AuthorityInput['claims']): Promise<readonly Statement[]> {
  const thumbprints = await ownerThumbprints(claims ?? {});
  await expectNotCompromised(db, thumbprints, 'it cannot be listed in trust_mark_owners');
  return whileNotCompromised(authorityId, thumbprints);
}
