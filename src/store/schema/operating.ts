import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { json, type Json } from './json-column.js';

/** Jobs, settings and turns. */

export const JOB_KINDS = ['import', 'resign', 'crawl', 'impact'] as const;
export const JOB_STATES = ['running', 'done', 'failed', 'cancelled'] as const;

/** Work that is too large for one batch: visible, resumable, with progress. */
export const job = sqliteTable('job', {
  id: text('id').primaryKey(),
  authorityId: text('authority_id').notNull(),
  kind: text('kind', { enum: JOB_KINDS }).notNull(),
  state: text('state', { enum: JOB_STATES }).notNull(),
  total: integer('total').notNull(),
  done: integer('done').notNull(),
  refused: integer('refused').notNull(),
  /** resign: the generation to reach. import: dry run or not. */
  params: json<Json>('params').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
});

/** What an import refused, line by line. */
export const jobRefusal = sqliteTable(
  'job_refusal',
  {
    jobId: text('job_id').notNull(),
    line: integer('line').notNull(),
    entityId: text('entity_id'),
    code: text('code').notNull(),
    detail: text('detail').notNull(),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.line] })],
);

/** Whom a dry run of an import would have enrolled, until it is closed. */
export const importEntity = sqliteTable(
  'import_entity',
  { jobId: text('job_id').notNull(), entityId: text('entity_id').notNull(), spelling: text('spelling').notNull().default('') },
  (t) => [primaryKey({ columns: [t.jobId, t.entityId] }), index('import_entity_spelling').on(t.jobId, t.spelling)],
);

/** Facts about the deployment itself, such as the last time a clock was trusted. */
export const setting = sqliteTable('setting', { name: text('name').primaryKey(), value: text('value').notNull() });

/** Who does what only one process of a deployment does at a time, and until when (seconds since the epoch). */
export const lease = sqliteTable('lease', { name: text('name').primaryKey(), holder: text('holder').notNull(), until: integer('until').notNull() });

/** The setting that withholds everything (standing.ts). The public plane reads it along with the authorities. */
export const UNCONFIRMED = 'unconfirmed';
