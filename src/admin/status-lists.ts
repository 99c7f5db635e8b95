import { z } from '@hono/zod-openapi';
import { showStatusLists, type StatusListView } from '../operations/status/show-lists.js';
import { STATUS_KINDS } from '../store/schema.js';
import { type AdminApp, param } from './context.js';
import { endpoint } from './endpoint.js';
import { seconds } from './wire.js';

const statusListSchema = z
  .object({
    list: z.number().int(),
    url: z.string(),
    status: z.number().int().openapi({ description: 'How it is answered now: 200; 503 while it is being signed anew; 404 while its authority has stopped' }),
    exp: seconds.nullable().openapi({ description: 'Until when it may be believed; null while it is not served' }),
    bytes: z.number().int().nullable(),
    places: z.partialRecord(z.enum(STATUS_KINDS), z.number().int()).openapi({ description: 'How many are taken, by what for' }),
    invalid: z.number().int().openapi({ description: 'Places whose rows say 1 now' }),
    suspended: z.number().int().openapi({ description: 'Places whose rows say 2 now' }),
  })
  .openapi('StatusList');

const present = (one: StatusListView): z.infer<typeof statusListSchema> => ({ ...one, places: { ...one.places } });

/** The status lists of an authority (Token Status List). */
export function statusListEndpoints(app: AdminApp): void {
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}/status-lists',
      tag: 'Authorities',
      summary: 'The status lists that relying servers ask: how each is answered now, how full it is, how many in it are not valid',
      response: z.object({ items: z.array(statusListSchema) }),
    },
    async (c) => c.json({ items: (await showStatusLists(c.var.call, param(c, 'slug'))).map(present) }),
  );
}
