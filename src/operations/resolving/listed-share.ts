import { type Finding, finding } from '../../federation/entry.js';
import { noteInJob } from '../../store/crawls.js';
import type { Statement } from '../../store/database.js';

/**
 * What one superior below the Trust Anchor may bring into a crawl: entities, and bytes of their identifiers. It is trusted, not
 * known: without this bound one of them fills the database of whoever crawls it. The anchor is the operator's own choice.
 */
export const MAX_BELOW_ONE = 20_000;
export const MAX_LISTED_BYTES = 2 * 1024 * 1024;
/** Findings that a crawl notes. */
const MAX_NOTED = 20;

export interface Share {
  readonly taken: readonly string[];
  /** Names the superior that lists more. */
  readonly finding?: Finding;
}

/** The part of a listing that is taken, in its order. */
export function shareOf(superior: string, listed: readonly string[], { entities = MAX_BELOW_ONE, bytes = MAX_LISTED_BYTES } = {}): Share {
  let size = 0;
  let n = 0;
  while (n < listed.length && n < entities && size + (listed[n] as string).length <= bytes) size += (listed[n++] as string).length;
  if (n === listed.length) return { taken: listed };
  const detail = `it lists ${listed.length} entities; of one superior ${entities} with ${bytes} bytes of identifiers are looked at, so the last ${listed.length - n} are not`;
  return { taken: listed.slice(0, n), finding: finding('too_many', superior, detail) };
}

/** Note a finding in the job of a crawl, where its progress stands. */
export const noteFinding = (jobId: string, one: Finding): Statement => noteInJob(jobId, JSON.stringify(one), MAX_NOTED);
