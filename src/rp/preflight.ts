import {
  checkMetadata,
  checkProfile,
  type EntityStatement,
  type Finding,
  missingParameters,
  parseEntityId,
  type Profile,
  type ProfileFinding,
  readDraftEra,
  validateEntityConfiguration,
} from '../federation/entry.js';
import { requireNow } from '../federation/numeric-date.js';
import { superiorConfigurations } from '../resolver/profile-evidence.js';
import type { StatementSource } from '../resolver/source.js';

export interface PreflightOptions {
  readonly source: Pick<StatementSource, 'configuration'>;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly development?: boolean;
  readonly profiles: readonly Profile[];
}

export interface PreflightReport {
  readonly entityId: string;
  /** Errors first. */
  readonly findings: readonly ProfileFinding[];
  readonly configuration: EntityStatement | undefined;
}

const bySeverity = (findings: readonly ProfileFinding[]): readonly ProfileFinding[] =>
  [...findings].sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0));

/** Check any entity in the world, member or not, against the standard and the profiles given. Changes nothing. */
export async function preflightEntity(entityId: string, options: PreflightOptions): Promise<PreflightReport> {
  requireNow(options?.now);
  const { source, now, development = false, profiles } = options;
  const as = (severity: 'error' | 'warning', findings: readonly Finding[]): readonly ProfileFinding[] => findings.map((one) => ({ ...one, severity }));
  const id = parseEntityId(entityId, { development });
  if (!id.ok) return { entityId, findings: as('error', id.findings), configuration: undefined };
  const profiled = async (one: EntityStatement, by: readonly Profile[]): Promise<readonly ProfileFinding[]> => {
    const evidence = { superiors: await superiorConfigurations(one, by, { source, now, development }) };
    return by.flatMap((profile) => checkProfile(profile, one, evidence));
  };
  const compact = await source.configuration(entityId);
  if (!compact.ok) return { entityId, findings: as('error', compact.findings), configuration: undefined };
  const statement = await validateEntityConfiguration(compact.value, { now, subject: entityId, development });
  if (!statement.ok) {
    // The standard's refusal stands; a profile of a federation that has not followed it yet says what else holds.
    const dated = profiles.filter(({ reads_draft_era: reads }) => reads === true);
    const old = dated.length ? await readDraftEra(compact.value, { now, subject: entityId, development }) : undefined;
    const more = old?.ok ? [...as('warning', old.value.shapes), ...(await profiled(old.value.statement, dated))] : [];
    return { entityId, findings: bySeverity([...as('error', statement.findings), ...more]), configuration: undefined };
  }
  const metadata = statement.value.claims.metadata ?? {};
  const intermediate = metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined;
  const findings = [
    ...as('error', checkMetadata(metadata, { entityId, development, ...(intermediate && { hasSubordinates: true }) })),
    ...as('warning', missingParameters(metadata)),
    ...(await profiled(statement.value, profiles)),
  ];
  return { entityId, findings: bySeverity(findings), configuration: statement.value };
}
