import {
  checkMetadata,
  checkProfile,
  type EntityStatement,
  type Finding,
  missingParameters,
  parseEntityId,
  type Profile,
  type ProfileFinding,
  validateEntityConfiguration,
} from '../federation/entry.js';
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

/** Check any entity in the world, member or not, against the standard and the profiles given. Changes nothing. */
export async function preflightEntity(entityId: string, { source, now, development = false, profiles }: PreflightOptions): Promise<PreflightReport> {
  const as = (severity: 'error' | 'warning', findings: readonly Finding[]): readonly ProfileFinding[] => findings.map((one) => ({ ...one, severity }));
  const id = parseEntityId(entityId, { development });
  if (!id.ok) return { entityId, findings: as('error', id.findings), configuration: undefined };
  const compact = await source.configuration(entityId);
  if (!compact.ok) return { entityId, findings: as('error', compact.findings), configuration: undefined };
  const statement = await validateEntityConfiguration(compact.value, { now, subject: entityId, development });
  if (!statement.ok) return { entityId, findings: as('error', statement.findings), configuration: undefined };
  const metadata = statement.value.claims.metadata ?? {};
  const intermediate = metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined;
  const findings = [
    ...as('error', checkMetadata(metadata, { entityId, development, ...(intermediate && { hasSubordinates: true }) })),
    ...as('warning', missingParameters(metadata)),
    ...profiles.flatMap((profile) => checkProfile(profile, statement.value)),
  ];
  return { entityId, findings: findings.sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0)), configuration: statement.value };
}
