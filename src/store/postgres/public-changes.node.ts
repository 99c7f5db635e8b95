import { createHash } from 'node:crypto';
import type { PublicChange } from '../kept-keys.js';
import { WATCHED, WATCHES } from '../public-watches.js';
import { Connection, type Server } from './connection.node.js';
import { named } from './errors.node.js';
import { StoreUnreachable } from '../database.js';
import { TROUBLES } from '../trouble.js';
import { WORDS_SCHEMA } from './functions.js';
import { MIGRATING } from './migrating.js';

/**
 * What a commit has changed of what the public plane keeps in memory, said by triggers in the same commit, as on SQLite
 * (`public-changes.node.ts`). The order is that of the number of commits: whoever says something holds the row of `store_state`,
 * by the lock of writers or because the trigger takes it, and with it the next number, until his commit is there. So numbers are
 * in the order of commits, and nothing below one that was seen appears later. A sequence would give out numbers in another order
 * than commits become visible.
 */
const MARKED = 'public\\_change%';

/** Commits whose changes are kept: whoever is further behind reads everything again. */
const KEPT = 512;
/** It is swept once in so many. */
const SWEPT = 256;
/** More of them at once are taken for everything. */
const MANY = 500;
/** Those of them that are about no one thing. */
const OF_ALL = "('ground', 'events')";

/** Whoever may write a table need not be allowed to write what tells of it. */
const FUNCTION = `LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS`;
/** Called by those alone, and as they run. */
const INNER = 'LANGUAGE plpgsql AS';

/**
 * `since`: from this commit on all is told. `digest` and `catalog`: by which version, and what stood in the catalog when it was made.
 * `lineage`: another one whenever that was made anew, as after a restore: numbers of before say nothing then.
 */
const TABLES = `
CREATE TABLE public_change (version bigint NOT NULL, what text NOT NULL, authority_id text, kind text, key text, variant text);
CREATE INDEX public_change_version ON public_change (version);
CREATE TABLE public_told (one bigint PRIMARY KEY CHECK (one = 1), digest text NOT NULL, catalog text NOT NULL, since bigint NOT NULL, lineage text NOT NULL);
`;

/** The number of this commit. What is written behind the lock of writers' back takes it here. */
const VERSION = `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.public_change_version() RETURNS bigint ${INNER} $$
DECLARE found bigint; own boolean;
BEGIN
  SELECT version, xmin = pg_current_xact_id()::xid INTO found, own FROM public.store_state;
  IF NOT own THEN UPDATE public.store_state SET version = version + 1 RETURNING version INTO found; END IF;
  RETURN found;
END $$`;

/**
 * What this transaction has told already stands in a setting that ends with it, or with the part of it that is taken back: which
 * transaction, how many rows, and what needs to be said once; `all` when there is nothing more to say.
 */
const TELL = `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.public_change_tell(says text, authority text, of_kind text, of_key text, of_variant text) RETURNS void ${INNER} $$
DECLARE
  own text := pg_current_xact_id()::text;
  told text[] := string_to_array(current_setting('holdfast.told', true), ' ');
  now_at bigint;
BEGIN
  IF told[1] IS DISTINCT FROM own THEN told := ARRAY[own, '0'];
  ELSIF told[2] = 'all' OR says = ANY (told[3:]) THEN RETURN;
  END IF;
  -- Whoever dropped it shall stop no cut; whoever reads takes that for everything.
  IF to_regclass('public.public_change') IS NULL OR to_regclass('public.public_told') IS NULL THEN RETURN; END IF;
  now_at := ${WORDS_SCHEMA}.public_change_version();
  IF told[2]::int = ${MANY} THEN says := 'all'; END IF;
  INSERT INTO public.public_change VALUES (now_at, says, authority, of_kind, of_key, of_variant);
  IF told[2] = '0' AND now_at % ${SWEPT} = 0 THEN
    UPDATE public.public_told SET since = now_at - ${KEPT} WHERE since < now_at - ${KEPT};
    DELETE FROM public.public_change WHERE version < now_at - ${KEPT};
  END IF;
  told[2] := CASE says WHEN 'all' THEN says ELSE (told[2]::int + 1)::text END;
  IF says IN ${OF_ALL} THEN told := told || says; END IF;
  PERFORM set_config('holdfast.told', array_to_string(told, ' '), true);
END $$`;

/** What was told and is there no more, or says something else now. */
const GONE = `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.public_change_gone() RETURNS trigger ${FUNCTION} $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF NOT EXISTS (SELECT 1 FROM gone WHERE version > (SELECT since FROM public.public_told)) THEN RETURN NULL; END IF;
  END IF;
  UPDATE public.public_told SET since = ${WORDS_SCHEMA}.public_change_version();
  RETURN NULL;
END $$`;

/** Also while others are switched off, for a copy by replication or a restore. */
const always = (table: string, name: string) => `ALTER TABLE public.${table} ENABLE ALWAYS TRIGGER ${name}`;
const tableOf = (on: string) => on.slice(on.lastIndexOf(' ') + 1);

const ON_ROWS = WATCHES.flatMap(({ on, when, what, says = [] }, n) => {
  const name = `public_change_${n}`;
  const values = [`'${what}'`, ...[0, 1, 2, 3].map((at) => says[at] ?? 'NULL')].join(', ');
  const where = when === undefined ? '' : ` WHEN (${when.replace(/ IS NOT (?=(NEW|OLD)\.)/g, ' IS DISTINCT FROM ')})`;
  return [
    `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.${name}() RETURNS trigger ${FUNCTION} $$ BEGIN PERFORM ${WORDS_SCHEMA}.public_change_tell(${values}); RETURN NULL; END $$`,
    `CREATE OR REPLACE TRIGGER ${name} AFTER ${on.replace(/ (\w+)$/, ' public.$1')} FOR EACH ROW${where} EXECUTE FUNCTION ${WORDS_SCHEMA}.${name}()`,
    always(tableOf(on), name),
  ];
});

/** No trigger of rows fires when a table is emptied at once. */
const ON_TRUNCATE = [
  `CREATE OR REPLACE FUNCTION ${WORDS_SCHEMA}.public_change_truncated() RETURNS trigger ${FUNCTION} $$ BEGIN PERFORM ${WORDS_SCHEMA}.public_change_tell('all', NULL, NULL, NULL, NULL); RETURN NULL; END $$`,
  ...WATCHED.flatMap((table) => [
    `CREATE OR REPLACE TRIGGER public_change_truncated AFTER TRUNCATE ON public.${table} FOR EACH STATEMENT EXECUTE FUNCTION ${WORDS_SCHEMA}.public_change_truncated()`,
    always(table, 'public_change_truncated'),
  ]),
];
const ON_ITSELF = ['DELETE', 'UPDATE', 'TRUNCATE'].flatMap((event) => {
  const name = `public_change_gone_${event.toLowerCase()}`;
  const rows = event === 'DELETE' ? ' REFERENCING OLD TABLE AS gone' : '';
  return [
    `CREATE OR REPLACE TRIGGER ${name} AFTER ${event} ON public.public_change${rows} FOR EACH STATEMENT EXECUTE FUNCTION ${WORDS_SCHEMA}.public_change_gone()`,
    always('public_change', name),
  ];
});
/**
 * Whoever may read how many commits there were may read what they changed, and which keys were revoked: each look-up asks for that
 * (store/withheld.ts). Of a key nothing else, above all not what is sealed.
 */
const GRANTED = `DO $$ DECLARE reader record; BEGIN
  FOR reader IN SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS name
    FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = 'public.store_state'::regclass AND a.privilege_type = 'SELECT' LOOP
    EXECUTE format('GRANT SELECT ON public_change, public_told TO %s', reader.name);
    EXECUTE format('GRANT SELECT (authority_id, kid, state) ON authority_key TO %s', reader.name);
  END LOOP;
END $$`;

const MADE = [VERSION, TELL, GONE, ...ON_ROWS, ...ON_TRUNCATE, ...ON_ITSELF];
const DIGEST = createHash('sha256').update(TABLES).update(MADE.join('\n')).update(GRANTED).digest('hex');

/** What stands in the catalog of it: another one as soon as anything is made anew, dropped, switched off. */
const CATALOG = `md5(coalesce((SELECT string_agg(concat_ws(' ', t.tgname, t.tgrelid::regclass, t.tgenabled, t.xmin), ',' ORDER BY t.tgrelid, t.tgname)
    FROM pg_catalog.pg_trigger AS t WHERE t.tgname LIKE '${MARKED}'), '')
  || coalesce((SELECT string_agg(concat_ws(' ', p.oid, p.xmin), ',' ORDER BY p.oid) FROM pg_catalog.pg_proc AS p WHERE p.proname LIKE '${MARKED}'), ''))`;

const LOCK = 'UPDATE store_state SET version = version + 1 RETURNING version';
const ARE_THERE = "SELECT to_regclass('public.public_told') IS NOT NULL AND to_regclass('public.public_change') IS NOT NULL";
/** Whether it is just this version that tells, of everything. */
export const areTold = async (on: Connection): Promise<boolean> =>
  Number((await on.query(ARE_THERE)).rows[0]?.[0]) === 1 &&
  (await on.query(`SELECT digest = $1 AND catalog = ${CATALOG} FROM public_told`, [DIGEST])).rows.some(([one]) => Number(one) === 1);

/** A migration may make a table anew, or change a column that one of these looks at. */
export async function tellNothing(on: Connection): Promise<void> {
  const { rows } = await on.query(`SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE tgname LIKE '${MARKED}'`);
  for (const [name, table] of rows) await on.script(`DROP TRIGGER ${String(name)} ON ${String(table)}`);
}

/** Have changes told from now on; nothing is written where that is so already. The schema is this version's. */
export async function tellOnPostgres(servers: readonly Server[]): Promise<void> {
  const on = await Connection.to(servers, 'primary', 120_000);
  try {
    if (await areTold(on)) return;
    await on.script('BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0');
    await on.query('SELECT pg_advisory_xact_lock($1)', [MIGRATING]);
    if (await areTold(on)) return await on.script('ROLLBACK'); // another process was first
    // Before any table: so do all who write, and nobody waits for whom he holds up.
    const since = Number((await on.query(LOCK)).rows[0]?.[0]);
    await tellNothing(on);
    await on.script(`DROP TABLE IF EXISTS public_change; DROP TABLE IF EXISTS public_told; ${TABLES}`);
    await on.script(MADE.join(';\n'));
    await on.script(
      `DO $$ DECLARE made record; BEGIN FOR made IN SELECT oid::regprocedure AS of FROM pg_proc WHERE proname LIKE '${MARKED}' LOOP EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made.of); END LOOP; END $$`,
    );
    await on.script(GRANTED);
    // What was written before was told of by nobody, or by others.
    await on.query(`INSERT INTO public_told VALUES (1, $1, ${CATALOG}, $2, gen_random_uuid()::text)`, [DIGEST, since]);
    await on.script('COMMIT');
  } catch (error) {
    throw named(error);
  } finally {
    await on.close();
  }
}

/** How many commits there are, which transaction wrote that, and the beat. A number that came back after a restore was written by another one. */
const AT = 's.version, s.xmin::text, greatest(s.beat_ms, b.beat_ms)';
const FROM = 'FROM store_state AS s CROSS JOIN store_beat AS b';
const STATE = `SELECT ${AT} ${FROM}`;
/**
 * Parameters: the commit that was seen, the digest. Beside `AT` the lineage, null where anything is not as it was left, and what the
 * commits since have changed, as they are at one moment; null: that everything may have.
 */
const SINCE = `SELECT ${AT}, t.lineage, CASE WHEN t.since <= $1::bigint
  THEN (SELECT coalesce(json_agg(json_build_array(c.what, c.authority_id, c.kind, c.key, c.variant)), '[]')::text
    FROM (SELECT * FROM public_change WHERE version > $1::bigint LIMIT ${MANY + 1}) AS c) END
${FROM} LEFT JOIN public_told AS t ON t.digest = $2 AND t.catalog = ${CATALOG}`;

export type Told = readonly PublicChange[] | 'all';

/** How far a server is. */
export interface At {
  readonly commits: number;
  /** The transaction that wrote that number. */
  readonly by: string;
  /** Milliseconds since the epoch, by the primary's clock. */
  readonly beat: number;
}
export interface Since extends At {
  /** Undefined: nobody can tell what is changed. */
  readonly lineage: string | undefined;
  readonly told: Told;
}

/** @throws StoreUnreachable where the row that says so is not there: then nobody knows anything */
function atOf(row: readonly unknown[] | undefined): At {
  const [commits, by, beat] = row ?? [];
  const at = { commits: Number(commits ?? Number.NaN), by: String(by), beat: Number(beat ?? Number.NaN) };
  if (Number.isSafeInteger(at.commits) && Number.isFinite(at.beat)) return at;
  throw new StoreUnreachable(`${TROUBLES.unreachable.says}: its count of commits is not there`);
}

export const stateOf = async (on: Connection): Promise<At> => atOf((await on.query(STATE)).rows[0]);

/**
 * @param seen what was seen; undefined: nothing of this server
 * @throws whatever the server says: there may be no such table, or it may not be read
 */
export async function changesSince(on: Connection, seen: Pick<Since, 'commits' | 'lineage'> | undefined): Promise<Since> {
  const [row] = (await on.query(SINCE, [seen?.commits ?? 0, DIGEST])).rows;
  const at = atOf(row);
  const [lineage, text] = (row?.slice(3) ?? [null, null]) as readonly (string | null)[];
  const rows = typeof text !== 'string' || typeof lineage !== 'string' || seen?.lineage !== lineage ? undefined : (JSON.parse(text) as (string | null)[][]);
  const told = rows?.map(([what, authorityId, kind, key, variant]) => ({ what, authorityId, kind, key, variant }) as PublicChange);
  const all = !told || at.commits < (seen?.commits ?? 0) || told.length > MANY || told.some(({ what }) => what === 'all');
  return { ...at, lineage: lineage ?? undefined, told: all ? 'all' : told };
}
