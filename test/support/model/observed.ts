import type { Answer } from '../deployment.js';
import { type Expected, nothing } from './expected.js';
import { SLUGS, type Slug, type World } from './world.js';

type Row = Record<string, unknown>;

/** How the admin API says that things stand, in the model's own words. */
export async function observe({ processes: [process], store }: World): Promise<Expected & { readonly signedUntil: ReadonlyMap<string, number | null> }> {
  const items = async (path: string): Promise<Row[]> => {
    const answer: Answer = await process.admin('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return answer.json.items as Row[];
  };
  const seen = nothing();
  const signedUntil = new Map<string, number | null>();
  const authorities = await items('/authorities');
  // The one thing that the API does not tell of a grant: which of an entity's memberships it is about.
  const homes = new Map(
    (await store.rows('SELECT g.id, a.slug FROM trust_mark_grant AS g JOIN authority AS a ON a.id = g.member_authority_id')).map((row) => [row['id'], row['slug'] as Slug]),
  );
  const byId = new Map(authorities.map((row) => [row['id'], `authority ${row['slug']}`]));
  for (const row of authorities) seen.authorities[row['slug'] as Slug] = row['state'] as 'active';
  for (const slug of SLUGS) {
    const base = `/authorities/${slug}`;
    for (const row of await items(`${base}/keys`)) {
      seen.keys.set(`${slug} ${row['kid']}`, row['state'] as 'active');
      signedUntil.set(`${slug} ${row['kid']}`, row['signed_until'] as number | null);
    }
    const organizations = new Map<unknown, string>();
    for (const row of await items(`${base}/organizations?limit=1000`)) {
      seen.organizations.set(`${slug} ${row['legal_name']}`, row['state'] as 'active');
      organizations.set(row['id'], String(row['legal_name']));
    }
    for (const row of await items(`${base}/members?limit=1000`)) {
      const by = row['suspended_with'];
      seen.members.set(`${slug} ${row['entity_id']}`, {
        authority: slug,
        id: String(row['entity_id']),
        state: row['state'] as 'active',
        with: by === null ? null : (byId.get(by) ?? `organization ${organizations.get(by)}`),
        organization: organizations.get(row['organization_id']) ?? null,
        validUntil: row['valid_until'] as number | null,
        removed: [],
      });
    }
    for (const row of await items(`${base}/mark-types`)) seen.types.set(`${slug} ${row['trust_mark_type']}`, row['state'] as 'active');
    for (const row of await items(`${base}/marks?limit=1000`))
      seen.grants.set(String(row['id']), {
        authority: slug,
        type: String(row['trust_mark_type']),
        memberOf: homes.get(row['id']) ?? slug,
        id: String(row['entity_id']),
        state: row['state'] as 'active',
        validUntil: row['valid_until'] as number | null,
      });
  }
  return { ...seen, signedUntil };
}
