import { raw, type Statement } from './database.js';

/** The name under which `setting` says up to which member id the ends of certificates were looked at; none: all were. */
export const CERTIFIED_TO = 'members_certified_to';

/** @param last the id up to which all were looked at; null: all were */
export const certifiedLookedTo = (last: string | null): Statement =>
  last === null ? raw('DELETE FROM setting WHERE name = ?', CERTIFIED_TO) : raw('UPDATE setting SET value = ? WHERE name = ?', last, CERTIFIED_TO);

/** Look at the ends of all certificates anew, from the first member. */
export const lookAtCertificatesAnew = (): Statement =>
  raw("INSERT INTO setting (name, value) VALUES (?, '') ON CONFLICT (name) DO UPDATE SET value = ''", CERTIFIED_TO);
