import { z } from 'zod';
import type { PublicSettings } from '../local/serve-public.node.js';
import type { Door } from './private-listener.node.js';
import type { Counts } from '../request-counts.node.js';

/** What the process that starts workers tells one of them. */
export type ToWorker =
  | {
      readonly tell: 'start';
      readonly number: number;
      readonly settings: PublicSettings;
      /** Where the process is that signs; without one there is none, and the worker answers everything there is. */
      readonly door?: Door;
      readonly counts: boolean;
    }
  /** Read the database and answer from it. */
  | { readonly tell: 'open' }
  /** There were so many commits: none before them may be served. */
  | { readonly tell: 'changed'; readonly commits: number }
  | { readonly tell: 'missing'; readonly missing: boolean }
  | { readonly tell: 'stop' };

/** What a worker tells. It faces strangers: what it says is read like theirs. */
const fromWorker = z.discriminatedUnion('tell', [
  /** It hears what it is told: what was said before nobody did. */
  z.object({ tell: z.literal('hearing') }),
  z.object({ tell: z.literal('listening'), port: z.number().int().min(0).max(65_535), notice: z.string().max(1000).optional() }),
  z.object({ tell: z.literal('failed'), why: z.string().max(4000), settings: z.boolean() }),
  z.object({ tell: z.literal('opened') }),
  z.object({ tell: z.literal('seen'), commits: z.number().int().min(0) }),
  z.object({
    tell: z.literal('counts'),
    counts: z
      .array(
        z.looseObject({
          name: z.enum(['holdfast_requests_total', 'holdfast_request_seconds']),
          values: z.array(z.looseObject({ value: z.number(), labels: z.record(z.string().max(40), z.union([z.string().max(40), z.number()])) })).max(2000),
        }),
      )
      .max(2),
  }),
]);
export type FromWorker = z.infer<typeof fromWorker> | { readonly tell: 'counts'; readonly counts: Counts };

export function readFromWorker(message: unknown): FromWorker | undefined {
  const read = fromWorker.safeParse(message);
  return read.success ? (read.data as FromWorker) : undefined;
}
