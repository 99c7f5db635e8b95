import { limits } from '../federation/entry.js';
import { number } from './words.js';
import { raw, type Statement } from './database.js';
import { overList } from './lots.js';
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
          overList(
            `UPDATE authority_key SET signed_until = ${number('new.value', '$.exp')} FROM json_each(?) AS new
             WHERE authority_key.authority_id = json_extract(new.value, '$.authorityId') AND authority_key.kid = json_extract(new.value, '$.kid')
               AND coalesce(authority_key.signed_until, 0) < ${number('new.value', '$.exp')}`,
            keys,
          ),
        ]
      : []),
    ...(configurations.length
      ? [
          overList(
            `UPDATE authority SET configuration_exp = ${number('new.value', '$.exp')} FROM json_each(?) AS new
             WHERE authority.id = json_extract(new.value, '$.authorityId') AND coalesce(authority.configuration_exp, 0) < ${number('new.value', '$.exp')}`,
            configurations,
          ),
        ]
      : []),
  ];
}

/** A key is published from now on: configurations without it end when the last of those before does. Goes before the new one is put. */
export const unseenUntil = (keyId: string): Statement =>
  raw('UPDATE authority_key SET unseen_until = (SELECT a.configuration_exp FROM authority AS a WHERE a.id = authority_key.authority_id) WHERE id = ?', keyId);

/**
 * A history was restored: what was signed after its end, perhaps until now, is in no row. It was signed as before, so both
 * times move on by as long as nothing is known of, and reach what is signed by the settings at hand. Only a Trust Mark
 * without an end, of a type that had none before, stays unknown.
 */
export function signedMeanwhile(authorityId: string, now: number): readonly Statement[] {
  const unknown = 'max(0, ? - coalesce((SELECT max(iat) FROM artefact WHERE authority_id = a.id), ?))';
  const longest = `max(a.configuration_lifetime_s, a.statement_lifetime_s,
    coalesce((SELECT max(statement_lifetime_s) FROM member WHERE authority_id = a.id), 0),
    coalesce((SELECT max(lifetime_s) FROM trust_mark_type WHERE authority_id = a.id), 0))`;
  return [
    raw(
      `UPDATE authority_key SET signed_until = min(?, max(coalesce(signed_until, 0) + (SELECT ${unknown} FROM authority AS a WHERE a.id = authority_key.authority_id),
         ? + (SELECT ${longest} FROM authority AS a WHERE a.id = authority_key.authority_id)))
       WHERE authority_id = ? AND state IN ('staged', 'active')`,
      limits.MAX_TIME,
      now,
      now,
      now,
      authorityId,
    ),
    raw(
      `UPDATE authority AS a SET configuration_exp = max(coalesce(configuration_exp, 0) + ${unknown}, ? + configuration_lifetime_s) WHERE id = ?`,
      now,
      now,
      now,
      authorityId,
    ),
  ];
}
