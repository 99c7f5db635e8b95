import { type Damage, fsck } from '../../operations/fsck.js';
import { isMended } from '../../operations/fsck/damage.js';
import { DEPLOYMENT } from '../../operations/call.js';
import { type ChainHead, headsOf } from '../../store/known-heads.js';
import { eventAt } from '../../store/act-event.js';
import { readHead } from '../../store/change.js';
import type { Database } from '../../store/database.js';
import { DamagedDatabase } from '../damaged.js';
import { seconds } from '../deployment.node.js';
import type { Report } from '../local/fsck.node.js';
import { CommitUnknown, type Source, type Target } from './ends.js';
import { MOVED, type Row, type MovedTable, type Tally, tally, unfit } from './tables.node.js';

export interface Options {
  /** Go on with a source in which fsck finds something. */
  readonly despiteDamage: boolean;
  /** The source stays the one in force, and the copy is dormant. */
  readonly keepSource: boolean;
  readonly progress: (text: string) => void;
  /** Asked to stop: nothing is left of the copy. */
  readonly stopping: () => boolean;
}

export type Head = Pick<ChainHead, 'slug' | 'entityId' | 'seq' | 'hash' | 'at'>;
export interface Copied {
  readonly tables: readonly Tally[];
  readonly heads: readonly Head[];
  /** Spent assertions that the target was told of apart from its tables. */
  readonly spent: number;
}

export class Stopped extends Error {}

/** Findings that forbid a copy. */
export class FoundDamage extends DamagedDatabase {
  constructor(
    readonly report: Report,
    message: string,
  ) {
    super(message);
  }
}

/** Rows that the other engine could not hold. */
export class UnfitRows extends DamagedDatabase {
  constructor(
    readonly rows: readonly string[],
    readonly more: boolean,
  ) {
    super(`${rows.length}${more ? ' or more' : ''} cell(s) cannot be copied; nothing was`);
  }
}
/** Cells that are named. */
const NAMED = 20;

/** Where every chain ends, that of the deployment too. */
async function endsOf(db: Database): Promise<readonly Head[]> {
  const { seq, hash } = await readHead(db, DEPLOYMENT);
  const last = await eventAt(db, DEPLOYMENT, seq);
  const deployment = last ? [{ slug: DEPLOYMENT, entityId: '', seq, hash, at: last.at }] : [];
  return [...(await headsOf(db)), ...deployment];
}

const told = (damages: readonly Damage[]): ReadonlySet<string> => new Set(damages.map((one) => JSON.stringify([one.code, one.authority, one.where])));

async function checked(end: Source | Target, what: string, progress: Options['progress']): Promise<Report> {
  progress(`${what}: checking`);
  const integrity = end.integrity() ?? 'ok';
  return { integrity, damages: await fsck({ store: { db: end.db } }, (part, n) => progress(`${what}: ${part}, ${n}`)) };
}

const nameOf = ({ columns }: MovedTable, row: Row): string => {
  const at = ['entity_id', 'id', 'subject', 'name', 'key', 'seq', 'jti'].map((name) => columns.findIndex((one) => one.name === name)).find((n) => n >= 0);
  return at === undefined ? '' : ` (${String(row[at + 1]).slice(0, 120)})`;
};

/** @throws UnfitRows */
async function read(end: Source | Target, what: string, { progress, stopping }: Options): Promise<readonly Tally[]> {
  const tallies: Tally[] = [];
  const bad: string[] = [];
  for (const table of MOVED) {
    const sum = tally(table.name);
    let n = 0;
    for await (const lot of end.rows(table)) {
      if (stopping()) throw new Stopped();
      sum.add(lot);
      for (const row of lot)
        for (const [at, { name, type }] of table.columns.entries()) {
          const fault = unfit(row[at + 1], type) ?? end.hidden?.(table, row, at);
          if (fault !== undefined && bad.length <= NAMED) bad.push(`${table.name} row ${String(row[0])}${nameOf(table, row)}: its column ${name} ${fault}`);
        }
      n += lot.length;
      progress(`${what}: reading ${table.name}, ${n}`);
    }
    tallies.push(sum.end());
  }
  if (bad.length) throw new UnfitRows(bad.slice(0, NAMED), bad.length > NAMED);
  return tallies;
}

/** fsck of the source, every cell looked at, and what has to be there afterwards. */
async function survey(source: Source, options: Options) {
  const report = await checked(source, 'source', options.progress);
  const grave = report.damages.filter((one) => !isMended(one));
  if (report.integrity !== 'ok' || (grave.length && !options.despiteDamage))
    throw new FoundDamage(report, 'the source is damaged; nothing was copied. Put right what can be, or copy it as it is with --despite-damage');
  return { report, tables: await read(source, 'source', options), heads: await endsOf(source.db) };
}

/** Everything that would be asked of the source, and nothing written. */
export async function rehearse(source: Source, options: Options): Promise<Copied> {
  const { tables, heads } = await survey(source, options);
  return { tables, heads, spent: (await source.spent(seconds())).length };
}

async function fill(source: Source, target: Target, { progress, stopping }: Options): Promise<void> {
  for (const table of MOVED) {
    let n = 0;
    for await (const lot of source.rows(table)) {
      if (stopping()) throw new Stopped();
      await target.put(table, lot).catch((error: unknown) => {
        throw new Error(`table ${table.name}, rows ${String(lot[0]?.[0])} to ${String(lot.at(-1)?.[0])}: ${(error as Error).message}`, { cause: error });
      });
      n += lot.length;
      progress(`copying ${table.name}, ${n}`);
    }
  }
  progress('copying: numbers and statistics');
  await target.filled();
}

/** @throws Error when the copy is not what the source is */
async function prove(source: Source, target: Target, survey_: Awaited<ReturnType<typeof survey>>, options: Options): Promise<void> {
  const report = await checked(target, 'copy', options.progress);
  const known = told(survey_.report.damages);
  const anew = report.damages.filter((one) => !known.has(JSON.stringify([one.code, one.authority, one.where])));
  if (report.integrity !== 'ok' || anew.length)
    throw new FoundDamage({ ...report, damages: anew }, 'the copy has findings that the source has not; it was taken back, and the source is as it was');
  const tables = await read(target, 'copy', options);
  const unequal = survey_.tables.filter((one, n) => one.rows !== tables[n]?.rows || one.sha256 !== tables[n]?.sha256);
  if (unequal.length)
    throw new Error(
      `the copy is not equal in ${unequal.map(({ table, rows }) => `${table} (${rows} rows, ${tables.find((one) => one.table === table)?.rows} in the copy)`).join(', ')}; it was taken back, and the source is as it was`,
    );
  if (JSON.stringify(await endsOf(target.db)) !== JSON.stringify(survey_.heads))
    throw new Error(`the chains of events end elsewhere in the copy; it was taken back, and the source at ${source.at} is as it was`);
}

/**
 * Copy a whole store and prove the copy. At no moment are both in force: the target becomes a store by its commit alone, and
 * the source is made dormant before that. Ended in between, neither is served until a person says which.
 */
export async function copyStore(source: Source, opened: () => Promise<Target>, options: Options): Promise<Copied> {
  const found = await survey(source, options);
  const target = await opened();
  try {
    await fill(source, target, options);
    await prove(source, target, found, options);
    if (options.stopping()) throw new Stopped();
    const spent = await target.spend(await source.spent(seconds()));
    await exchange(source, target, options.keepSource);
    return { tables: found.tables, heads: found.heads, spent };
  } finally {
    await target.close();
  }
}

/** From one in force to the other, or to none. */
async function exchange(source: Source, target: Target, keepSource: boolean): Promise<void> {
  const at = seconds();
  const made = { at, date: new Date(at * 1000).toISOString().replace('.000', '') };
  if (keepSource) {
    await target.makeDormant({ reason: 'copied', ...made, other: source.at });
    return target.commit();
  }
  const dormant = { reason: 'moved', ...made, other: target.at } as const;
  await source.makeDormant(dormant);
  await target.commit().catch(async (error: unknown) => {
    if (error instanceof CommitUnknown)
      throw new Error(
        `${error.message}: perhaps the copy is there, perhaps not. ${source.at} is dormant: no server starts on it. Look with holdfast fsck at ${target.at}: if the store is there, serve that; if it is empty: holdfast store reopen, then copy again`,
        { cause: error },
      );
    await source.takeBack(dormant).catch((failed: unknown) => {
      throw new Error(
        `nothing was copied (${(error as Error).message}), and ${source.at} is dormant still (${(failed as Error).message}): holdfast store reopen`,
        {
          cause: error,
        },
      );
    });
    throw error;
  });
}
