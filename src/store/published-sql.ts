import { pageQuery, passing } from './listing-query.js';
import { UNCONFIRMED } from './schema.js';
import { documentAnchor, standsAbove } from './stands-above.js';
import { asColumn, isWithheld, restsOnVoid } from './withheld.js';
import { asNumber } from './words.js';

/** How the public plane looks things up. */

/**
 * What is published is served while its authority is active, and each look-up asks that itself: a halt is one row, and the
 * next request sees it, whatever else is stored or remembered. Of a retired authority the former keys stay (§8.7): what it
 * signed in its time can still be judged. And a head that was signed since it stopped: it says so.
 */
const ACTIVE = `a.state = 'active' AND ${standsAbove('a')}`;
const SERVED = `JOIN authority AS a ON a.id = artefact.authority_id AND ${ACTIVE}`;
const BYTES = `bytes, media_type, sha256, exp, cap, ${asColumn(isWithheld('artefact', 'a'))} AS withheld`;
export const ARTEFACT = `SELECT ${BYTES} FROM artefact JOIN authority AS a ON a.id = artefact.authority_id
  AND ((${ACTIVE}) OR (a.state = 'retired' AND artefact.kind = 'historical_keys') OR (artefact.kind = 'head' AND artefact.cut = a.cut)) WHERE authority_id = ? AND kind = ? AND key = ? AND variant = ?`;
/** Halted and retired ones too: their places stay theirs, and answer that there is nothing. */
export const AUTHORITIES = `SELECT id, entity_id, client_auth, EXISTS (SELECT 1 FROM setting WHERE name = '${UNCONFIRMED}') AS withheld FROM authority ORDER BY created_at, rowid`;
const CHECKPOINT = 'SELECT jws, sha256 FROM checkpoint WHERE authority_id = ?';
export const LATEST = `${CHECKPOINT} ORDER BY n DESC LIMIT 1`;
export const ABOUT = `${CHECKPOINT} AND seq = ? ORDER BY n DESC LIMIT 1`;
export const AUDIT_KEYS = 'SELECT jwk, created_at, retired_at FROM audit_key WHERE authority_id = ? ORDER BY created_at, id';
export const STATE = `SELECT state FROM authority AS a WHERE id = ? AND ${standsAbove('a')}`;
export const MARK_STATUS = `SELECT variant, ${BYTES} FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'mark_status' AND key = ? ORDER BY variant DESC`;
export const ISSUED = `SELECT 1 AS yes FROM trust_mark AS t JOIN authority AS a ON a.id = t.authority_id AND ${ACTIVE} WHERE t.authority_id = ? AND t.sha256 = ?`;
/** Until its own end, and until what it rests on ends: a membership that was shortened ends its marks (`cap`). */
export const MARKED = pageQuery(
  `SELECT substr(key, ?) AS entity_id, ${passing(`NOT ${isWithheld('artefact', 'a')} AND min(exp, coalesce(cap, exp)) > ?`, 'substr(key, ?)')} AS listed, ${asNumber('NULL')} AS ends FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'mark' AND key > ? AND key < ? AND variant = '' ORDER BY key LIMIT ?`,
);
export const ANCHORS = 'SELECT entity_id FROM anchor_pin WHERE authority_id = ?';
/** When the last change was made that reaches every statement. */
export const ALL_CHANGED = 'SELECT statements_changed_at AS at FROM authority WHERE id = ?';
export const EVALUATION = `SELECT s.state, s.error, s.entity_types FROM snapshot AS s JOIN authority AS a ON a.id = s.authority_id AND ${ACTIVE}
  WHERE s.authority_id = ? AND s.subject = ? AND s.trust_anchor = ?`;
/**
 * A cut statement under it, or a superior that is not active, makes an answer vanish (2); anything else that is not as it
 * was makes it wait (1): a mark of an issuer that is halted, say, or a member whose end was moved to before that of the answer.
 */
const STOPPED = `(i.state IS DISTINCT FROM 'active' OR NOT ${standsAbove('i')})`;
const RESTS = (anchor: string): string => `(
  SELECT max(CASE WHEN (s.id IS NULL AND l.kind = 'statement') OR (${STOPPED} AND l.kind IN ('statement', 'entity_configuration')) THEN 2
    WHEN s.id IS NULL OR ${STOPPED} OR s.cut <> l.cut OR ${isWithheld('s', 'i')} OR ${restsOnVoid('i')} OR (l.kind = 'statement' AND s.cap < artefact.exp) THEN 1 ELSE 0 END)
  FROM snapshot_link AS l LEFT JOIN authority AS i ON i.id = l.issuer_id
  LEFT JOIN artefact AS s ON s.authority_id = l.issuer_id AND s.kind = l.kind AND s.key = l.key AND s.variant = l.variant
  WHERE l.authority_id = artefact.authority_id AND l.subject = artefact.key AND l.trust_anchor = ${anchor}
) AS disarmed`;
export const RESOLVED = `SELECT ${BYTES}, ${RESTS('?')} FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'resolve' AND key = ? AND variant = ?`;
/** The document of a client rests on the chain of the member to its own authority; that of an agent on the chain to the one above. */
export const CLIENT = `SELECT ${BYTES}, ${RESTS(documentAnchor('a'))} FROM artefact ${SERVED}
  JOIN member AS m ON m.authority_id = artefact.authority_id AND m.entity_id = artefact.key AND m.state = 'active'
  WHERE artefact.authority_id = ? AND artefact.kind = 'resolve' AND m.id = ? AND artefact.variant = ?`;
