import { STATUS_LIST as TYPE } from '../federation/media-types.js';
import { NARROWED_SINCE } from './narrowing-events.js';
import { standsAbove } from './stands-above.js';
import { asColumn, isWithheld } from './withheld.js';
import { NUMBER } from './words.js';

/** How the public plane looks status lists up. */

/**
 * The list, asked for with the events since. So one that says of somebody that he is valid is not served after the commit that
 * cut him off, whoever made that, and whoever signs what from older rows. Of an authority for agents there is none while what is
 * above it does not stand. Takes the authority and the number.
 */
export const STATUS_LIST = `SELECT bytes, media_type, sha256, exp, cap, ${asColumn(`${isWithheld('artefact', 'a')} OR ${NARROWED_SINCE('artefact')}`)} AS withheld FROM artefact
  JOIN authority AS a ON a.id = artefact.authority_id AND a.state = 'active' AND ${standsAbove('a')}
  WHERE artefact.authority_id = ? AND artefact.kind = 'status_list' AND artefact.key = ? AND artefact.variant = ''`;

const OF_THEN = `iat <= ${NUMBER} AND exp > ${NUMBER}`;
/**
 * What was served at a time: the newest that had been signed, unless something had narrowed since, when nothing was. What a
 * compromised key signed is no evidence any more. Of an authority for agents nothing is told: what was cut above stands in another chain. Takes the authority, the number, both again, and the time five times.
 */
export const STATUS_LIST_AT = `SELECT bytes, media_type, sha256, NULL AS exp, NULL AS cap, 0 AS withheld FROM (
    SELECT authority_id, bytes, media_type, sha256, iat, exp, cut, kid FROM artefact WHERE authority_id = ? AND kind = 'status_list' AND key = ? AND variant = '' AND withheld IS NULL
    UNION ALL SELECT authority_id, bytes, '${TYPE}' AS media_type, sha256, iat, exp, cut, kid FROM kept_status_list WHERE authority_id = ? AND list = ${NUMBER} AND ${OF_THEN}
  ) AS was
  WHERE ${OF_THEN} AND EXISTS (SELECT 1 FROM authority AS a WHERE a.id = was.authority_id AND a.state = 'active' AND a.agents_of IS NULL)
    AND NOT EXISTS (SELECT 1 FROM authority_key AS k WHERE k.authority_id = was.authority_id AND k.kid = was.kid AND k.revoked_reason = 'compromised')
    AND NOT ${NARROWED_SINCE('was', NUMBER)}
  ORDER BY iat DESC, cut DESC LIMIT 1`;
