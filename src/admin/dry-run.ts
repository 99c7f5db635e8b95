import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { rehearsing } from '../operations/rehearsing.js';
import type { AdminContext, AdminEnv } from './context.js';
import { problem } from './errors.js';

/** What asks for a rehearsal, of every operation that writes. */
export const DRY_RUN = 'dry_run';
/** Of every answer that was one, refusals too. */
export const DRY_RUN_HEADER = 'holdfast-dry-run';

export const dryRunQuery = {
  [DRY_RUN]: z
    .enum(['true', 'false'], 'dry_run is true or false')
    .optional()
    .openapi({ description: 'true: decide it as always, tell what would come of it, and change nothing; answered 200 where it would be carried out' }),
};

const rehearsed = z
  .object({ dry_run: z.literal(true) })
  .openapi('Rehearsed', { description: 'Nothing was changed. Ids and times are those of the rehearsal: what is done later has others' });
const maybeRehearsed = z
  .object({ dry_run: z.literal(true).optional() })
  .openapi('MaybeRehearsed', { description: 'dry_run: nothing was changed, and this is what would have come of it' });
const wouldWait = z
  .object({
    dry_run: z.literal(true),
    waiting_for: z.literal(1),
    approval: z.object({
      id: z.string().nullable().openapi({ description: 'null: it is not on record' }),
      kind: z.string(),
      subject: z.string(),
      digest: z.string(),
    }),
    detail: z.string(),
  })
  .openapi('WouldWait', { description: 'Quorum 2: it would wait for a second person; nothing was put on record' });

interface Answered {
  readonly response: z.ZodType;
  readonly status: number;
  readonly waits: boolean;
  /** Members of the answer that a rehearsal leaves out: what they open is not there. */
  readonly secrets: readonly string[];
}

/** What 200 is answered with, where a dry run may ask for it. */
export function rehearsable({ response, status, waits, secrets }: Answered): z.ZodType {
  const marked = z.intersection(secrets.length ? without(response, secrets) : response, status === 200 ? maybeRehearsed : rehearsed);
  return waits ? z.union([marked, wouldWait]) : marked;
}

/** The shape without some members, as one of its own: it has no name. */
function without(response: z.ZodType, names: readonly string[]): z.ZodType {
  if (!(response instanceof z.ZodObject)) throw new Error('an answer with secrets is an object');
  return z.object(Object.fromEntries(Object.entries(response.shape as z.ZodRawShape).filter(([name]) => !names.includes(name))));
}

export const dryRunHeaders = z.object({
  [DRY_RUN_HEADER]: z.literal('true').optional().openapi({ description: 'It was a dry run: nothing was changed' }),
});

/** Does it look like a rehearsal? For what comes before the query is checked: whoever asks for one is not even noted. */
export const asksDryRun = (c: { readonly req: { readonly method: string; query(name: string): string | undefined } }): boolean =>
  c.req.method !== 'GET' && c.req.method !== 'HEAD' && c.req.query(DRY_RUN) === 'true';

/** From here on whatever the handler calls can write nothing. */
export function rehearse(c: AdminContext, secrets: readonly string[]): void {
  c.set('call', rehearsing(c.var.call));
  c.set('secrets', secrets);
  c.header(DRY_RUN_HEADER, 'true');
}

/** Before the query is checked: a dry run that cannot be had is refused by its own code, and never carried out instead. */
export const refusingDryRuns =
  (why: string): MiddlewareHandler<AdminEnv> =>
  async (c, next) =>
    c.req.query(DRY_RUN) === undefined ? next() : problem(c, 400, 'not_rehearsable', `this takes no dry_run: ${why}`);
