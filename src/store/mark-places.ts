import { insertWith } from './bulk.js';
import { type SQL, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { artefact } from './schema.js';
import { memberEnd, NEVER, NUMBER, NUMBERS_OF } from './words.js';

/**
 * Where a mark lies, one place for each type and bearer. A grant in force has its place also while no mark can be signed: it
 * is held, empty and withheld, and the renewal puts a mark into it. A grant that ends gives its place up, whatever lies there.
 */
export interface MarkPlace {
  readonly authorityId: string;
  readonly trustMarkType: string;
  readonly memberId: string;
  readonly entityId: string;
  /** The earliest end of what a mark there rests on. */
  readonly cap: number | null;
}

/** What stands in a place that is held: nothing was signed. */
export const HELD = '';
const HELD_SHA256 = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU';

/** A mark is due at each of these places, and nothing is served from it until one was issued. */
export const holdPlaces = (places: readonly MarkPlace[], now: number): readonly Statement[] =>
  places.length === 0
    ? []
    : [
        insertWith(
          artefact,
          places.map(({ authorityId, trustMarkType, memberId, entityId, cap }) => ({
            authorityId,
            kind: 'mark' as const,
            key: `${trustMarkType}\n${entityId}`,
            mediaType: 'application/trust-mark+jwt',
            bytes: HELD,
            sha256: HELD_SHA256,
            iat: now,
            exp: now,
            cap,
            kid: '',
            generation: 0,
            memberId,
            renewAt: now,
            withheld: 'not_issued' as const,
          })),
          'ON CONFLICT (authority_id, kind, key, variant) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256, iat = excluded.iat, exp = excluded.exp, cap = excluded.cap, kid = excluded.kid, member_id = excluded.member_id, renew_at = excluded.renew_at, lease_until = 0, withheld = excluded.withheld',
        ),
      ];

/** A mark was signed for its place of `artefact`: it is not just held. */
export const wasIssued = (): SQL => sql`${artefact.withheld} IS DISTINCT FROM 'not_issued'`;

/** A grant has ended: also a mark that is late for its renewal goes, and a place that is held. */
export const giveUpPlace = ({ authorityId, trustMarkType, memberId, entityId }: Omit<MarkPlace, 'cap'>): Statement =>
  raw(
    "DELETE FROM artefact WHERE authority_id = ? AND kind = 'mark' AND key = ? AND member_id || '' = ?",
    authorityId,
    `${trustMarkType}\n${entityId}`,
    memberId,
  );

/** All grants of a type have ended. All keys of a type lie between its line break and the character after it. */
export const giveUpPlacesOf = (authorityId: string, trustMarkType: string): Statement =>
  raw("DELETE FROM artefact WHERE authority_id = ? AND kind = 'mark' AND key > ? AND key < ?", authorityId, `${trustMarkType}\n`, `${trustMarkType}\u000b`);

/** Whose grants have ended, or bear nothing for a while: a grant, members, the members of an organization, what hung on accreditations. */
export type Ended =
  | { readonly grantId: string }
  | { readonly memberIds: readonly string[] }
  | { readonly authorityId: string; readonly accreditationIds: readonly string[] }
  | { readonly authorityId: string; readonly organizationId: string };

function grantsOf(of: Ended): readonly [where: string, ...params: unknown[]] {
  if ('grantId' in of) return ['x.id = ?', of.grantId];
  if ('memberIds' in of) return ['x.member_id IN (SELECT value FROM json_each(?))', JSON.stringify(of.memberIds)];
  if ('accreditationIds' in of)
    return [
      'x.accreditation_id IS NOT NULL AND x.accreditation_id IN (SELECT value FROM json_each(?)) AND x.authority_id = ?',
      JSON.stringify(of.accreditationIds),
      of.authorityId,
    ];
  return ['x.member_id IN (SELECT id FROM member WHERE authority_id = ? AND organization_id = ?)', of.authorityId, of.organizationId];
}

/**
 * An entity may be a member of several authorities, each membership marked by itself: their marks have one place. When one of
 * them gives it up, another one in force has it from then on, held until its mark is issued. Goes after what ends the one,
 * and looks at what is in force then. CROSS: found through the ended ones, however many grants there are.
 */
export const passPlaces = (of: Ended, now: number): Statement => {
  const [where, ...params] = grantsOf(of);
  return holdFor(
    'trust_mark_grant AS x CROSS JOIN trust_mark_grant AS g',
    [`${where} AND g.authority_id = x.authority_id AND g.entity_id = x.entity_id AND g.trust_mark_type = x.trust_mark_type AND g.id <> x.id`, ...params],
    now,
  );
};

/** What a mark rests on beside its grant `g`. */
const RESTS_ON = 'CROSS JOIN trust_mark_type AS t CROSS JOIN member AS m CROSS JOIN authority AS a';
const END = `min(coalesce(g.valid_until, ${NEVER}), coalesce(t.delegation_exp, ${NEVER}), ${memberEnd('m.')})`;
/** One parameter: the time. */
const IN_FORCE = `t.authority_id = g.authority_id AND t.trust_mark_type = g.trust_mark_type AND m.id = g.member_id AND a.id = g.authority_id
       AND g.state = 'active' AND t.state = 'active' AND m.state = 'active' AND a.state <> 'retired' AND ${END} > ?`;

/** Grants in force get their places, held, where nothing lies there. @param grants where they are found, as `g` */
const holdFor = (grants: string, [where, ...params]: readonly [where: string, ...params: unknown[]], now: number): Statement =>
  raw(
    `INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, cap, kid, generation, cut, member_id, renew_at, lease_until, withheld)
     SELECT g.authority_id, 'mark', g.trust_mark_type || '\n' || g.entity_id, '', 'application/trust-mark+jwt', ?, ?, ${NUMBER}, ${NUMBER},
       nullif(${END}, ${NEVER}), '', 0, 0, g.member_id, ${NUMBER}, 0, 'not_issued'
     FROM ${grants} ${RESTS_ON}
     WHERE ${where} AND ${IN_FORCE}
     ON CONFLICT (authority_id, kind, key, variant) DO NOTHING`,
    HELD,
    HELD_SHA256,
    now,
    now,
    now,
    ...params,
    now,
  );

/** A place whose mark has ended by time, and will not be signed again from the grant that it had. */
export interface EndedPlace {
  readonly id: number;
  readonly authorityId: string;
  readonly key: string;
}

/** Those that nobody has looked at since. By `artefact_mark_end`, which has no others: so its condition stands here as it does there. */
export const endedPlaces = (db: Database, now: number, limit: number): Promise<readonly EndedPlace[]> =>
  db.all<EndedPlace>(
    sql`SELECT id, authority_id AS "authorityId", key FROM artefact WHERE kind = 'mark' AND renew_at IS NOT NULL AND cap <= ${now} ORDER BY cap LIMIT ${limit}`,
  );

/** Where the grants are that may have places, by place: [authority, type, entity]. */
const GRANTS_AT = 'json_each(?) AS p CROSS JOIN trust_mark_grant AS g';
const AT_PLACE = `g.authority_id = json_extract(p.value, '$[0]') AND g.entity_id = json_extract(p.value, '$[2]') AND g.trust_mark_type = json_extract(p.value, '$[1]')`;

/** Grants in force take the places, among these, of what has ended there. */
const takeEnded = (grants: string, [where, ...params]: readonly [where: string, ...params: unknown[]], now: number): readonly Statement[] => [
  raw(
    `DELETE FROM artefact WHERE kind = 'mark' AND cap <= ? AND id IN (
       SELECT old.id FROM ${grants} ${RESTS_ON} CROSS JOIN artefact AS old
       WHERE ${where} AND ${IN_FORCE}
         AND old.authority_id = g.authority_id AND old.kind = 'mark' AND old.key = g.trust_mark_type || '\n' || g.entity_id AND old.variant = '')`,
    now,
    ...params,
    now,
  ),
  holdFor(grants, [where, ...params], now),
];

/**
 * What a mark rested on has ended by time (grant, membership, delegation), and nobody was there to pass its place on: another
 * grant in force has it from now on. The others stay as they are, for an end that is moved, and are not looked at again before.
 */
export const passEnded = (places: readonly EndedPlace[], now: number): readonly Statement[] => {
  const named = JSON.stringify(places.map(({ authorityId, key }) => [authorityId, ...key.split('\n')]));
  return [
    ...takeEnded(GRANTS_AT, [AT_PLACE, named], now),
    raw(`UPDATE artefact SET renew_at = NULL WHERE kind = 'mark' AND cap <= ? AND id IN (${NUMBERS_OF})`, now, JSON.stringify(places.map(({ id }) => id))),
  ];
};

/** A membership got another end, by a write before this: its grants in force have the places that have ended, or are not there. */
export const takePlacesOf = (memberId: string, now: number): readonly Statement[] => takeEnded('trust_mark_grant AS g', ['g.member_id = ?', memberId], now);

/** What has an end that bounds marks: a membership, or a type by its delegation. */
export type Bounded = { readonly memberId: string } | { readonly authorityId: string; readonly trustMarkType: string };

/**
 * What marks rest on got another end: each place has the earliest end of grant, membership and delegation from now on, and a
 * mark with it is due, also where the one before has ended.
 */
export const placesEnd = (of: Bounded, end: number | null, now: number): Statement => {
  const [where, params] =
    'memberId' in of
      ? (['member_id = ?', [of.memberId]] as const)
      : (['authority_id = ? AND key > ? AND key < ?', [of.authorityId, `${of.trustMarkType}\n`, `${of.trustMarkType}\u000b`]] as const);
  const other = 'memberId' in of ? 't.delegation_exp' : memberEnd('m.');
  return raw(
    `UPDATE artefact SET renew_at = ?, lease_until = 0, cap = (
       SELECT nullif(min(coalesce(?, ${NEVER}), coalesce(g.valid_until, ${NEVER}), coalesce(${other}, ${NEVER})), ${NEVER})
       FROM trust_mark_grant AS g JOIN trust_mark_type AS t ON t.authority_id = g.authority_id AND t.trust_mark_type = g.trust_mark_type JOIN member AS m ON m.id = g.member_id
       WHERE g.authority_id = artefact.authority_id AND g.member_id = artefact.member_id AND artefact.key = g.trust_mark_type || '\n' || g.entity_id)
     WHERE kind = 'mark' AND ${where}`,
    now,
    end,
    ...params,
  );
};

/** Grants got another end, by a write before this: their places end with what they rest on, and a mark with that end is due. */
export const grantEnds = (grantIds: readonly string[], now: number): readonly Statement[] => {
  const named = JSON.stringify(grantIds);
  return [
    raw(
      `UPDATE artefact SET renew_at = ?, lease_until = 0, cap = (
         SELECT nullif(${END}, ${NEVER}) FROM trust_mark_grant AS g ${RESTS_ON}
         WHERE g.id IN (SELECT value FROM json_each(?)) AND t.authority_id = g.authority_id AND t.trust_mark_type = g.trust_mark_type AND m.id = g.member_id
           AND a.id = g.authority_id AND g.authority_id = artefact.authority_id AND g.member_id = artefact.member_id AND artefact.key = g.trust_mark_type || '\n' || g.entity_id)
       WHERE kind = 'mark' AND (authority_id, member_id, key) IN (
         SELECT g.authority_id, g.member_id, g.trust_mark_type || '\n' || g.entity_id FROM trust_mark_grant AS g WHERE g.id IN (SELECT value FROM json_each(?)))`,
      now,
      named,
      named,
    ),
    ...takeEnded('trust_mark_grant AS g', ['g.id IN (SELECT value FROM json_each(?))', named], now),
  ];
};
