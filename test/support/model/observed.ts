import { type Expected, nothing } from './expected.js';
import type { Slug, World } from './world.js';

/** How the store says that things stand, in the model's own words: what the admin API shows, asked for at once. */
export async function observe({ store: { rows } }: World): Promise<Expected & { readonly signedUntil: ReadonlyMap<string, number | null> }> {
  const seen = nothing();
  const signedUntil = new Map<string, number | null>();
  for (const row of await rows('SELECT slug, state FROM authority')) seen.authorities[row['slug'] as Slug] = row['state'] as 'active';
  for (const row of await rows(
    'SELECT a.slug, k.kid, k.state, k.signed_until FROM authority_key AS k JOIN authority AS a ON a.id = k.authority_id ORDER BY k.rowid',
  )) {
    seen.keys.set(`${row['slug']} ${row['kid']}`, row['state'] as 'active');
    signedUntil.set(`${row['slug']} ${row['kid']}`, row['signed_until'] as number | null);
  }
  for (const row of await rows('SELECT a.slug, o.legal_name, o.state FROM organization AS o JOIN authority AS a ON a.id = o.authority_id ORDER BY o.rowid'))
    seen.organizations.set(`${row['slug']} ${row['legal_name']}`, row['state'] as 'active');
  for (const row of await rows(
    `SELECT a.slug, m.entity_id, m.state, m.valid_until, o.legal_name, m.suspended_with, coalesce('authority ' || s.slug, 'organization ' || w.legal_name) AS source
     FROM member AS m JOIN authority AS a ON a.id = m.authority_id LEFT JOIN organization AS o ON o.id = m.organization_id
     LEFT JOIN authority AS s ON s.id = m.suspended_with LEFT JOIN organization AS w ON w.id = m.suspended_with ORDER BY m.rowid`,
  ))
    seen.members.set(`${row['slug']} ${row['entity_id']}`, {
      authority: row['slug'] as Slug,
      id: String(row['entity_id']),
      state: row['state'] as 'active',
      with: row['suspended_with'] === null ? null : String(row['source']),
      organization: row['legal_name'] as string | null,
      validUntil: row['valid_until'] as number | null,
      removed: [],
    });
  for (const row of await rows(
    'SELECT a.slug, t.trust_mark_type, t.state FROM trust_mark_type AS t JOIN authority AS a ON a.id = t.authority_id ORDER BY t.rowid',
  ))
    seen.types.set(`${row['slug']} ${row['trust_mark_type']}`, row['state'] as 'active');
  for (const row of await rows(
    `SELECT g.id, a.slug, h.slug AS home, g.trust_mark_type, g.entity_id, g.state, g.valid_until
     FROM trust_mark_grant AS g JOIN authority AS a ON a.id = g.authority_id JOIN authority AS h ON h.id = g.member_authority_id ORDER BY g.rowid`,
  ))
    seen.grants.set(String(row['id']), {
      authority: row['slug'] as Slug,
      type: String(row['trust_mark_type']),
      memberOf: row['home'] as Slug,
      id: String(row['entity_id']),
      state: row['state'] as 'active',
      validUntil: row['valid_until'] as number | null,
    });
  for (const row of await rows(
    'SELECT t.bytes, t.revoked_at, a.slug, t.trust_mark_type, t.entity_id, t.grant_id FROM trust_mark AS t JOIN authority AS a ON a.id = t.authority_id',
  ))
    seen.marks.set(String(row['bytes']), {
      bytes: String(row['bytes']),
      authority: row['slug'] as Slug,
      type: String(row['trust_mark_type']),
      memberOf: row['slug'] as Slug,
      id: String(row['entity_id']),
      grant: String(row['grant_id']),
      exp: null,
      revoked: row['revoked_at'] !== null,
    });
  return { ...seen, signedUntil };
}
