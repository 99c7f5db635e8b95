import { limits } from '../federation/entry.js';
import { raw, type Statement } from './database.js';
import type { artefact } from './schema.js';

type Signed = Pick<typeof artefact.$inferInsert, 'authorityId' | 'kind' | 'variant' | 'kid' | 'exp'>;

/**
 * The end of what a signature says. A Trust Mark may have none; historical keys are signed anew with every key; what a member
 * signed is by its own key; and nobody is trusted by an answer that a mark has expired, which is signed with the mark.
 */
function endOf({ kind, variant, exp }: Signed): number | undefined {
  if (kind === 'hosted' || (kind === 'mark_status' && variant === 'expired')) return undefined;
  if (typeof exp === 'number') return exp;
  return kind === 'mark' ? limits.MAX_TIME : undefined;
}

/** The largest end for each of what `named` tells apart. */
function largest<T>(rows: readonly Signed[], named: (row: Signed) => T | undefined): readonly (T & { readonly exp: number })[] {
  const ends = new Map<string, T & { readonly exp: number }>();
  for (const row of rows) {
    const exp = endOf(row);
    const name = named(row);
    if (exp === undefined || name === undefined) continue;
    const key = JSON.stringify(name);
    if ((ends.get(key)?.exp ?? 0) < exp) ends.set(key, { ...name, exp });
  }
  return [...ends.values()];
}

/**
 * A key leaves the configuration only when nothing it signed can still be valid, and signs only when no configuration
 * without it can (OpenID Federation 1.0 §11.2). Settings change, artefacts are replaced: so what was signed raises both
 * times, in the batch that publishes it. They never fall.
 */
export function signedUntil(rows: readonly Signed[]): readonly Statement[] {
  const keys = largest(rows, ({ authorityId, kid }) => ({ authorityId, kid }));
  const configurations = largest(rows, ({ authorityId, kind }) => (kind === 'entity_configuration' ? { authorityId } : undefined));
  return [
    ...(keys.length
      ? [
          raw(
            `UPDATE authority_key SET signed_until = json_extract(new.value, '$.exp') FROM json_each(?) AS new
             WHERE authority_key.authority_id = json_extract(new.value, '$.authorityId') AND authority_key.kid = json_extract(new.value, '$.kid')
               AND coalesce(authority_key.signed_until, 0) < json_extract(new.value, '$.exp')`,
            JSON.stringify(keys),
          ),
        ]
      : []),
    ...(configurations.length
      ? [
          raw(
            `UPDATE authority SET configuration_exp = json_extract(new.value, '$.exp') FROM json_each(?) AS new
             WHERE authority.id = json_extract(new.value, '$.authorityId') AND coalesce(authority.configuration_exp, 0) < json_extract(new.value, '$.exp')`,
            JSON.stringify(configurations),
          ),
        ]
      : []),
  ];
}

/** A key is published from now on: configurations without it end when the last of those before does. Goes before the new one is put. */
export const unseenUntil = (keyId: string): Statement =>
  raw('UPDATE authority_key SET unseen_until = (SELECT a.configuration_exp FROM authority AS a WHERE a.id = authority_key.authority_id) WHERE id = ?', keyId);
