import { z } from '@hono/zod-openapi';
import { confirmRestore, type RestoreState, restoreState } from '../operations/restore/confirm-restore.js';
import { type AdminApp, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { write } from './write.js';

const headSchema = z.object({
  authority: z.string(),
  entity_id: z.string(),
  seq: z.number().int(),
  hash: z.string(),
  at: z.number().int().openapi({ description: 'When its last event was written' }),
});
const restoreSchema = z
  .object({
    state: z.enum(['confirmed', 'not_confirmed']),
    reason: z.enum(['restored', 'went_back']).nullable(),
    since: z.number().int().nullable(),
    backup_at: z.number().int().nullable(),
    heads: z.array(headSchema).openapi({ description: 'Where the event chain of each authority ends in this database' }),
    given_up: z
      .array(z.object({ authority: z.string(), seq: z.number().int(), hash: z.string() }))
      .openapi({ description: 'Heads seen before that this database does not hold' }),
  })
  .openapi('Restore');

const MAX_HEADS = 1000;
const confirmation = z
  .strictObject({
    yes: z.boolean().default(false).openapi({ description: 'The heads as shown are the newest there were' }),
    heads: z
      .array(
        z.strictObject({
          authority: z.string().min(1).max(2048),
          seq: z.number().int().min(1),
          hash: z.string().regex(/^[0-9a-f]{64}$/, 'a hash is 64 characters of 0-9 and a-f'),
        }),
      )
      .max(MAX_HEADS)
      .default([])
      .openapi({ description: 'The newest heads you know; the database must hold each. `authority` is a slug or an entity identifier' }),
    signed_heads: z.array(z.string().max(16_384)).max(MAX_HEADS).default([]).openapi({ description: 'The same, as `<authority>/head` served them' }),
    accept_rollback: z.boolean().default(false).openapi({ description: 'Give up what a known head stands for and the database lacks' }),
  })
  .openapi('RestoreConfirmation');

const presentRestore = ({ standing, heads }: RestoreState): z.infer<typeof restoreSchema> => ({
  state: standing ? 'not_confirmed' : 'confirmed',
  reason: standing?.reason ?? null,
  since: standing?.at ?? null,
  backup_at: standing?.backupAt ?? null,
  heads: heads.map(({ slug, entityId, seq, hash, at }) => ({ authority: slug, entity_id: entityId, seq, hash, at })),
  given_up: (standing?.givenUp ?? []).map(({ authorityId, seq, hash }) => ({
    authority: heads.find((one) => one.authorityId === authorityId)?.slug ?? authorityId,
    seq,
    hash,
  })),
});

/** After a restore: what the database holds, and the word of a person that it is the newest. */
export function restoreEndpoints(app: AdminApp): void {
  const tag = 'Restore';
  endpoint(
    app,
    {
      method: 'get',
      path: '/restore',
      tag,
      summary: 'Whether the history of this database is confirmed, and where it ends',
      description: 'After a restore, and when the events were found to end earlier than before, nothing is signed or served until an owner has confirmed it.',
      response: restoreSchema,
    },
    async (c) => c.json(presentRestore(await restoreState(c.var.call)), 200, { 'cache-control': 'no-store' }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/restore/confirm',
      tag,
      summary: 'Confirm a restored history: from now on it is signed anew and served',
      body: confirmation,
      response: restoreSchema,
    },
    (c) => {
      const { yes, heads, signed_heads, accept_rollback } = validJson<z.infer<typeof confirmation>>(c);
      return write(c, 200, presentRestore, (call) => confirmRestore(call, { yes, known: heads, signed: signed_heads, acceptRollback: accept_rollback }));
    },
  );
}
