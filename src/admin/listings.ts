import { z } from '@hono/zod-openapi';
import { type ListingView, listListings } from '../operations/resolving/read-listings.js';
import { type AdminApp, param, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, seconds } from './wire.js';

const listingSchema = z
  .object({
    entity_id: z.string(),
    url: z.string().nullable().openapi({ description: 'Null for an authority of this deployment, whose members are read from the store' }),
    state: z.enum(['waiting', 'ok', 'failing', 'untrusted']).openapi({
      description: '`waiting`: not looked at yet; `untrusted`: it has no valid chain now, so nobody looks at it',
    }),
    problem: z.string().nullable().openapi({ description: 'What the last look met' }),
    failures: z.number().int().openapi({ description: 'Looks in a row that gave nothing; each doubles the distance to the next' }),
    listed: z.number().int().openapi({ description: 'Entities it listed when it changed last' }),
    etag: z.string().nullable(),
    checked_at: seconds.nullable(),
    changed_at: seconds.nullable(),
    due_at: seconds,
  })
  .openapi('WatchedListing');

const stateOf = ({ trusted, problem, checkedAt }: ListingView) =>
  !trusted ? 'untrusted' : problem !== null ? 'failing' : checkedAt === null ? 'waiting' : 'ok';

const present = (row: ListingView): z.infer<typeof listingSchema> => ({
  entity_id: row.entityId,
  url: row.url,
  state: stateOf(row),
  problem: row.problem,
  failures: row.failures,
  listed: row.listed,
  etag: row.etag,
  checked_at: row.checkedAt,
  changed_at: row.changedAt,
  due_at: row.dueAt,
});

/** The listings of superiors (OpenID Federation 1.0 §8.2) that a resolver looks at. */
export function listingEndpoints(app: AdminApp): void {
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}/listings',
      tag: 'Resolving',
      summary: 'The listings of superiors that are looked at every few minutes: what the last look met, and when the next one is',
      query: pageQuery,
      response: pageOf(listingSchema),
    },
    async (c) => {
      const found = await listListings(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof pageQuery>>(c));
      return c.json({ items: found.items.map(present), next_cursor: found.next });
    },
  );
}
