import { insertMissing, insertWith } from './bulk.js';
import { raw, type Statement } from './database.js';
import { snapshot, snapshotLink } from './schema.js';

/** What evaluations found: a snapshot for each subject and Trust Anchor, what its answers rest on, and the answers. */

const REPLACE = `ON CONFLICT (authority_id, subject, trust_anchor) DO UPDATE SET ${['state', 'error', 'entity_types', 'path', 'trust_mark_types', 'findings', 'exp', 'evaluated_at', 'ui_infos'].map((name) => `${name} = excluded.${name}`).join(', ')}`;

/** In the place of what was found before. */
export const putSnapshots = (rows: readonly (typeof snapshot.$inferSelect)[]): Statement => insertWith(snapshot, rows, REPLACE);

export const putLinks = (rows: readonly (typeof snapshotLink.$inferInsert)[]): Statement => insertMissing(snapshotLink, rows);

export const dropSnapshot = (authorityId: string, subject: string, trustAnchor: string): Statement =>
  raw('DELETE FROM snapshot WHERE authority_id = ? AND subject = ? AND trust_anchor = ?', authorityId, subject, trustAnchor);

export const dropLinks = (authorityId: string, subject: string, trustAnchor: string): Statement =>
  raw('DELETE FROM snapshot_link WHERE authority_id = ? AND subject = ? AND trust_anchor = ?', authorityId, subject, trustAnchor);

/** Under whatever anchor. */
export const dropAllLinks = (authorityId: string, subject: string): Statement =>
  raw('DELETE FROM snapshot_link WHERE authority_id = ? AND subject = ?', authorityId, subject);

/** The signed answers about a subject. */
export const dropAnswers = (authorityId: string, subject: string): Statement =>
  raw("DELETE FROM artefact WHERE authority_id = ? AND kind = 'resolve' AND key = ?", authorityId, subject);

/** The signed answers about a subject but those of these variants. */
export const dropAnswersBut = (authorityId: string, subject: string, kept: readonly string[]): Statement =>
  raw(
    "DELETE FROM artefact WHERE authority_id = ? AND kind = 'resolve' AND key = ? AND variant NOT IN (SELECT value FROM json_each(?))",
    authorityId,
    subject,
    JSON.stringify(kept),
  );
