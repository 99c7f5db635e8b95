import { cutsOf } from '../../store/cut-since.js';
import type { Database } from '../../store/database.js';
import type { Outstanding } from './outstanding.js';

/** What the newest cuts of these subjects said was out: it still is, though its artefacts are gone. @returns ends, `Infinity` for none */
export async function earlierCuts(db: Database, authorityId: string, subjectIds: readonly string[], upTo?: number): Promise<readonly (number | null)[]> {
  const details = await cutsOf(db, authorityId, subjectIds.filter(Boolean), upTo);
  return details.map((detail) => endOf(detail['outstanding'] as Partial<Outstanding> | undefined));
}

export const endOf = (out: Partial<Outstanding> | undefined): number | null =>
  out?.endless ? Number.POSITIVE_INFINITY : typeof out?.until === 'number' ? out.until : null;
