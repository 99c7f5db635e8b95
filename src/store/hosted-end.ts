import { raw, type Statement } from './database.js';
import { NEVER, NUMBER } from './words.js';

/** A member got another end: the configuration of its own that we serve is served until then, or until its own end. */
export const moveHostedEnd = (authorityId: string, entityId: string, end: number | null): Statement =>
  raw(`UPDATE artefact SET cap = min(exp, ${NUMBER}) WHERE authority_id = ? AND kind = 'hosted' AND key = ?`, end ?? NEVER, authorityId, entityId);
