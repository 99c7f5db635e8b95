import { z } from '@hono/zod-openapi';
import { answeredAt } from '../operations/audit/answered-at.js';
import { listAuditKeys, rotateAuditKey } from '../operations/audit/audit-keys.js';
import { type AuditRange, exportAudit } from '../operations/audit/export-audit.js';
import { listCheckpoints } from '../operations/audit/list-checkpoints.js';
import { type Erasure, eraseEvent } from '../operations/events/erase-event.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { eventSchema, presentEvent } from './events.js';
import { type Lines, streamed } from './streamed.js';
import { pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

const tag = 'Audit';
const seq = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const range = z.object({
  from: seq.optional().openapi({ description: 'The first event; the beginning of the chain when absent' }),
  to: seq.optional().openapi({ description: 'The last event; the end of the chain when absent' }),
  private: z.enum(['true', 'false']).default('true').openapi({ description: 'With what people wrote, and names; the chain verifies without them too' }),
});
const erasure = z.object({ seq: z.number().int(), already: z.boolean().openapi({ description: 'It had been erased before' }) }).openapi('Erasure');
const reasoned = z.strictObject({ reason }).openapi('AuditReason');
const auditKey = z
  .object({
    kid: z.string().openapi({ description: 'RFC 7638 thumbprint' }),
    alg: z.string(),
    jwk: z.record(z.string(), z.unknown()),
    created_at: seconds,
    retired_at: seconds.nullable().openapi({ description: 'From when on it signed no more; null: it signs' }),
  })
  .openapi('AuditKey');
const checkpointSchema = z
  .object({ n: z.number().int(), seq: z.number().int(), head: z.string(), iat: seconds, kid: z.string(), sha256: z.string(), checkpoint: z.string() })
  .openapi('Checkpoint', { description: 'Where the event chain ended, signed by the audit key' });

const presentKey = ({ kid, alg, jwk, createdAt, retiredAt }: Awaited<ReturnType<typeof listAuditKeys>>[number]): z.infer<typeof auditKey> => ({
  kid,
  alg,
  jwk: { ...jwk },
  created_at: createdAt,
  retired_at: retiredAt,
});

const presentErasure = ({ seq: at, already }: Erasure): z.infer<typeof erasure> => ({ seq: at, already });

const atQuery = z.object({
  time: z.coerce.number().pipe(seconds).optional().openapi({ description: 'The moment, in seconds since the epoch; now when absent' }),
});
const answered = z.enum(['served', 'not_found', 'unknown']);
const answeredSchema = z
  .object({
    entity_id: z.string(),
    at: seconds,
    fetch: answered.openapi({ description: 'Whether its statement was served; `unknown` where the events leave it open' }),
    list: answered.openapi({ description: 'Whether it was listed' }),
    resolve: z.enum(['not_found', 'unknown']).openapi({ description: 'Of an entity in force nothing is on record: evaluations rest on what others served' }),
    statement: z
      .object({ sha256: z.string(), exp: seconds.nullable(), seq: z.number().int() })
      .nullable()
      .openapi({ description: 'The one published last before, by which event; a renewal leaves none and changes times and the key alone' }),
    doubts: z.array(z.string()),
    decided_by: z.array(eventSchema),
  })
  .openapi('AnsweredAt', { description: 'What the event chain tells of a moment; what it cannot tell is not guessed' });
const presentAnswered = ({ entityId, decidedBy, doubts, ...rest }: Awaited<ReturnType<typeof answeredAt>>): z.infer<typeof answeredSchema> => ({
  entity_id: entityId,
  ...rest,
  doubts: [...doubts],
  decided_by: decidedBy.map(presentEvent),
});

/** What is no number is that of no event. */
const seqOf = (c: AdminContext): number => (/^[1-9]\d{0,14}$/.test(param(c, 'seq')) ? Number(param(c, 'seq')) : 0);

/** Characters of a piece, at least. */
const PIECE = 64 * 1024;

const inPieces = (all: AsyncGenerator<string>): Lines => ({
  async next() {
    let text = '';
    while (text.length < PIECE) {
      const line = await all.next();
      if (line.done) break;
      text += line.value;
    }
    return text === '' ? undefined : text;
  },
  cancel: () => void all.return(undefined),
});
const asked = (c: AdminContext): AuditRange => {
  const query = validQuery<z.infer<typeof range>>(c);
  return { from: query.from, to: query.to, withPrivate: query.private === 'true' };
};

/** Proof of what happened: exports, checkpoints, the key that signs them, erasure. */
export function auditEndpoints(app: AdminApp): void {
  const base = '/authorities/{slug}';
  const description =
    'One JSON document a line: a header with the audit keys, each event with the checkpoints about it, and an end with a digest. It is checked offline with `holdfast audit verify`.';
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/audit/export`,
      tag,
      summary: 'The event chain of an authority as a file that proves itself',
      description,
      query: range,
      response: z.string(),
    },
    async (c) => streamed(c, inPieces(await exportAudit(c.var.call, param(c, 'slug'), asked(c)))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/audit/export',
      tag,
      summary: 'The same of the deployment: API keys, halts, restores',
      description,
      query: range,
      response: z.string(),
    },
    async (c) => streamed(c, inPieces(await exportAudit(c.var.call, null, asked(c)))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/checkpoints`,
      tag,
      summary: 'Checkpoints of the event chain, oldest first',
      query: pageQuery,
      response: pageOf(checkpointSchema),
    },
    async (c) => {
      const found = await listCheckpoints(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof pageQuery>>(c));
      const items = found.items.map(({ n, seq: at, head, iat, kid, sha256, jws }) => ({ n, seq: at, head, iat, kid, sha256, checkpoint: jws }));
      return c.json({ items, next_cursor: found.next });
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/audit-keys`,
      tag,
      summary: 'The keys that sign checkpoints, former ones included',
      response: z.object({ items: z.array(auditKey) }),
    },
    async (c) => c.json({ items: (await listAuditKeys(c.var.call, param(c, 'slug'))).map(presentKey) }),
  );
  endpoint(
    app,
    { method: 'post', path: `${base}/audit-keys/rotate`, tag, summary: 'Sign checkpoints with another key from now on', body: reasoned, response: auditKey },
    (c) => write(c, 200, presentKey, (call) => rotateAuditKey(call, param(c, 'slug'), validJson<z.infer<typeof reasoned>>(c).reason)),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/members/{id}/answered-at`,
      tag,
      summary: 'What fetch, list and resolve answered about a member at a moment, with the events that decide it',
      query: atQuery,
      response: answeredSchema,
    },
    async (c) =>
      c.json(presentAnswered(await answeredAt(c.var.call, param(c, 'slug'), param(c, 'id'), validQuery<z.infer<typeof atQuery>>(c).time ?? c.var.call.now()))),
  );
  const erase = { tag, method: 'post', body: reasoned, response: erasure } as const;
  endpoint(
    app,
    {
      ...erase,
      path: `${base}/events/{seq}/erase`,
      summary: 'Erase what people wrote in an event, and names; the chain goes on to verify',
    },
    (c) => write(c, 200, presentErasure, (call) => eraseEvent(call, param(c, 'slug'), seqOf(c), validJson<z.infer<typeof reasoned>>(c).reason)),
  );
  endpoint(app, { ...erase, path: '/events/{seq}/erase', summary: 'The same in the chain of the deployment' }, (c) =>
    write(c, 200, presentErasure, (call) => eraseEvent(call, null, seqOf(c), validJson<z.infer<typeof reasoned>>(c).reason)),
  );
}
