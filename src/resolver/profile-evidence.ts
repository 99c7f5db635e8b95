import { type EntityStatement, type Profile, validateEntityConfiguration } from '../federation/entry.js';
import type { StatementSource } from './source.js';

/** Superiors that are looked at, of those an entity names. */
const MAX_SUPERIORS = 4;

/**
 * The configurations of an entity's superiors, for profiles that ask what these are; each verified with its own keys, so true
 * in form only. Nothing is fetched when no rule asks; what cannot be read is left out.
 */
export async function superiorConfigurations(
  { claims }: EntityStatement,
  profiles: readonly Profile[],
  { source, now, development }: { readonly source: Pick<StatementSource, 'configuration'>; readonly now: number; readonly development: boolean },
): Promise<readonly EntityStatement[]> {
  if (!profiles.some(({ rules }) => rules.some(({ check }) => check.kind === 'superiors_are_intermediates'))) return [];
  const read = await Promise.all(
    (claims.authority_hints ?? []).slice(0, MAX_SUPERIORS).map(async (subject) => {
      const compact = await source.configuration(subject);
      return compact.ok ? validateEntityConfiguration(compact.value, { now, subject, development }) : undefined;
    }),
  );
  return read.flatMap((one) => (one?.ok ? [one.value] : []));
}
