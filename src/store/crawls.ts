import { type SQL, sql } from 'drizzle-orm';
import { raw, type Statement } from './database.js';
import { overList } from './lots.js';
import { type crawlEntity, job } from './schema.js';

/** What a crawl finds, in rows of `crawl_entity`, and what goes when the next one takes its place. */

type Found = typeof crawlEntity.$inferSelect;

export const setCrawled = ({ id }: Found, state: Found['state']): Statement =>
  raw("UPDATE crawl_entity SET state = ? WHERE id = ? AND state = 'queued'", state, id);

/** Those listed by one that was found, one step below it. */
export const queueBelow = (jobId: string, { entityId, depth }: Found, below: readonly string[]): Statement =>
  overList(
    `INSERT INTO crawl_entity (job_id, entity_id, superior, depth, state) SELECT ?, value, ?, CAST(? AS NUMERIC), 'queued' FROM json_each(?)
     WHERE true ON CONFLICT DO NOTHING`,
    below,
    (lot) => [jobId, entityId, depth + 1, lot],
  );

/** Note a finding in the job of a crawl, where its progress stands. @param finding as JSON. @param most findings of a job */
export const noteInJob = (jobId: string, finding: string, most: number): Statement =>
  raw(
    `UPDATE job SET params = json_set(params, '$.findings', json_insert(coalesce(json_extract(params, '$.findings'), '[]'), '$[#]', json(?)))
     WHERE id = ? AND coalesce(json_array_length(params, '$.findings'), 0) < ?`,
    finding,
    jobId,
    most,
  );

/** The rows of the crawl before went with the exchange: whichever job has any is the one on show. */
export const hasFound = (): SQL => sql`EXISTS (SELECT 1 FROM crawl_entity AS c WHERE c.job_id = ${job.id})`;

/** Entities that only a crawl brought, and that neither a crawl nor a listing has any more. One parameter: the authority. */
const LOST = `authority_id = ? AND source = 'crawl' AND NOT EXISTS (SELECT 1 FROM crawl_entity AS c JOIN job AS j ON j.id = c.job_id WHERE j.authority_id = known_entity.authority_id AND c.entity_id = known_entity.entity_id)
    AND NOT EXISTS (SELECT 1 FROM listed_entity AS l WHERE l.authority_id = known_entity.authority_id AND l.entity_id = known_entity.entity_id)`;

/** What those jobs found goes, and with it the entities that only they had found. */
export const dropCrawls = (authorityId: string, jobIds: readonly string[]): readonly Statement[] => {
  const ofLost = (table: string, column: string, more = '') =>
    raw(`DELETE FROM ${table} WHERE authority_id = ?${more} AND ${column} IN (SELECT entity_id FROM known_entity WHERE ${LOST})`, authorityId, authorityId);
  return [
    overList('DELETE FROM crawl_entity WHERE job_id IN (SELECT value FROM json_each(?))', jobIds),
    ofLost('artefact', 'key', " AND kind = 'resolve'"),
    ofLost('snapshot_link', 'subject'),
    ofLost('snapshot', 'subject'),
    raw(`DELETE FROM known_entity WHERE ${LOST}`, authorityId),
  ];
};

/** Entities that only a crawl brought, and of which nothing was found under any anchor. */
export const dropUnseen = (authorityId: string): Statement =>
  raw(
    "DELETE FROM known_entity WHERE authority_id = ? AND source = 'crawl' AND NOT EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id)",
    authorityId,
  );
