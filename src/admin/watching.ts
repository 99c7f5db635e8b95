import { z } from '@hono/zod-openapi';
import { decideHold, fingerprint, getWatched, listWatched, type WatchRow } from '../operations/members/watch-members.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

const json = z.record(z.string(), z.unknown());
const watchSchema = z
  .object({
    entity_id: z.string(),
    checked_at: seconds,
    ok_at: seconds.nullable(),
    failures: z.number().int(),
    configuration_exp: seconds.nullable(),
    findings: z.array(json),
    hold: json.nullable().openapi({ description: 'What waits for a person; `fingerprint` names it in a decision' }),
  })
  .openapi('Watched', {
    description: 'Findings are raised after three looks in a row and cleared after two without; a hold ends by itself a day after it was shown last',
  });
const present = (row: WatchRow): z.infer<typeof watchSchema> => ({
  entity_id: row.entityId,
  checked_at: row.checkedAt,
  ok_at: row.okAt,
  failures: row.failures,
  configuration_exp: row.configurationExp,
  findings: row.raised.map((one) => ({ ...one })),
  hold: row.hold && { ...row.hold },
});
/** With the fingerprint of what is held, by which a decision about it can say what was looked at. */
const presentHeld = async (row: WatchRow): Promise<z.infer<typeof watchSchema>> => ({
  ...present(row),
  hold: row.hold && { ...row.hold, fingerprint: await fingerprint(row.hold) },
});
const watchQuery = pageQuery.extend({ only: z.enum(['held', 'findings', 'failing']).optional().openapi({ description: 'Only members with that' }) });
const decision = z
  .strictObject({ reason, hold: z.string().max(100).optional().openapi({ description: 'Fingerprint of the hold you decide about; another one since: 412' }) })
  .openapi('HoldDecision');

/** What watching the members has found, and what is held for a person. */
export function watchingEndpoints(app: AdminApp): void {
  const tag = 'Watching';
  const base = '/authorities/{slug}';
  endpoint(
    app,
    { method: 'get', path: `${base}/watch`, tag, summary: 'What watching the members has found', query: watchQuery, response: pageOf(watchSchema) },
    async (c) => {
      const found = await listWatched(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof watchQuery>>(c));
      return c.json({ items: await Promise.all(found.items.map(presentHeld)), next_cursor: found.next });
    },
  );
  endpoint(app, { method: 'get', path: `${base}/members/{id}/watch`, tag, summary: 'What watching one member has found', response: watchSchema }, async (c) =>
    c.json(await presentHeld(await getWatched(c.var.call, param(c, 'slug'), param(c, 'id')))),
  );
  for (const verb of ['accept', 'dismiss'] as const)
    endpoint(
      app,
      {
        method: 'post',
        path: `${base}/members/{id}/hold/${verb}`,
        tag,
        summary: verb === 'accept' ? 'Bind the keys that are held; you vouch for them' : 'Leave everything as it is; the same keys are not held again',
        body: decision,
        response: watchSchema,
        waits: verb === 'accept',
      },
      (c) => {
        const body = validJson<z.infer<typeof decision>>(c);
        return write(c, 200, present, (call) => decideHold(call, param(c, 'slug'), param(c, 'id'), verb === 'accept', body.reason, body.hold));
      },
    );
}
