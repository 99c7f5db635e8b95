import { memberEnd, NEVER } from './words.js';

/**
 * An ordinary authority; or one for agents whose own row above is active, and so are the member that made the agents and the
 * authority above. Each look-up asks it, as it asks for the state of the authority: a cut above is one row there, and the next
 * request sees it of every agent, however many there are.
 * @param of what the authority's columns are called by
 */
export const standsAbove = (of: string): string => `(${of}.agents_of IS NULL OR EXISTS (
  SELECT 1 FROM authority AS above CROSS JOIN member AS own CROSS JOIN member AS holder WHERE above.id = ${of}.agents_of AND above.state = 'active'
    AND own.id = ${of}.agents_as AND own.state = 'active' AND holder.id = ${of}.agents_by AND holder.state = 'active'))`;

/** Under whom the document of a client is evaluated: the authority above that of an agent, which says what agents may ask for at most. */
export const documentAnchor = (of: string): string =>
  `coalesce((SELECT above.entity_id FROM authority AS above WHERE above.id = ${of}.agents_of), ${of}.entity_id)`;

/** What an authority and a member above raise with each cut, of an authority for agents; of others 0. It only rises. */
export const cutAbove = (of: string): string => `coalesce((SELECT above.cut + own.cut + holder.cut
  + (SELECT count(*) FROM authority_key AS signed WHERE signed.authority_id = above.id AND signed.revoked_reason = 'compromised') FROM authority AS above CROSS JOIN member AS own CROSS JOIN member AS holder
  WHERE above.id = ${of}.agents_of AND own.id = ${of}.agents_as AND holder.id = ${of}.agents_by), 0)`;

/** When an authority came back last, or what is above one for agents did; null: it never was away. */
export const backSince = (of: string): string => `(SELECT max(came.back) FROM (SELECT ${of}.not_before AS back
  UNION ALL SELECT above.not_before FROM authority AS above WHERE above.id = ${of}.agents_of
  UNION ALL SELECT kin.not_before FROM member AS kin WHERE kin.id IN (${of}.agents_as, ${of}.agents_by)) AS came)`;

/** When that which is above an authority for agents ends by itself, the first of it; `NEVER` of others. */
export const endAbove = (
  of: string,
): string => `coalesce((SELECT min(${memberEnd('own.')}, ${memberEnd('holder.')}) FROM member AS own CROSS JOIN member AS holder
  WHERE own.id = ${of}.agents_as AND holder.id = ${of}.agents_by), ${NEVER})`;
