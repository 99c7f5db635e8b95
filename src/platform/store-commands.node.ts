import type { Command } from 'commander';
import { CliError } from '../cli/client.js';
import { EXIT } from '../cli/exit-codes.js';
import { green, lines, out, printJson, red, table, talk } from '../cli/output.js';
import { headTable } from '../cli/restore.js';
import { REMEDIES } from '../operations/fsck/damage.js';
import { progressLine, showReport } from './check-report.js';
import type { Config } from './config.js';
import { databaseFile } from './files.node.js';
import type { Copied, Options } from './moving/copy-store.node.js';
import type { Place } from './moving/places.node.js';

interface Asked {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly keepSource?: boolean;
  readonly despiteDamage?: boolean;
}

const headsShown = ({ heads }: Copied): string =>
  headTable(heads.map(({ slug, entityId, seq, hash, at }) => ({ authority: slug, entity_id: entityId, seq, hash, at })));

/** What to do once the copy is there. */
function next(from: Place, to: Place, { keepSource }: Asked): readonly string[] {
  if (keepSource)
    return [
      `${from.at} stays the one to serve. ${to.at} is dormant: no server starts on it, so that there are not two histories under the same keys. When nobody needs it, delete it.`,
    ];
  return [
    `${to.at} is the store now: the same history, with nothing to confirm. ${from.at} is dormant: no server starts on it.`,
    'servers' in to
      ? `Set HOLDFAST_DATABASE=${to.at} and HOLDFAST_DATABASE_PASSWORD for every process, with the same HOLDFAST_SEAL_KEY as before, and start.`
      : `Unset HOLDFAST_DATABASE for every process, set HOLDFAST_DATA to the folder of the file, with the same HOLDFAST_SEAL_KEY as before, and start.`,
    `Keep ${from.at} as a backup of this moment. Do not serve it again: what was suspended or revoked since would come back. If the other one was never served: holdfast store reopen`,
  ];
}

const inJson = (from: Place, to: Place, asked: Asked, done: Copied, served: boolean) => ({
  from: from.at,
  to: to.at,
  dry_run: asked.dryRun === true,
  served,
  dormant: asked.dryRun ? null : asked.keepSource ? to.at : from.at,
  tables: done.tables,
  heads: done.heads.map(({ slug, seq, hash }) => ({ authority: slug, seq, hash })),
  spent_assertions: done.spent,
  next: asked.dryRun ? [] : next(from, to, asked),
});

/** Ctrl-C is heard between two lots; asked twice, the process ends there and then. */
function interruption(): { readonly stopping: () => boolean; end(): void } {
  let asked = false;
  const hear = () => {
    if (asked) process.exit(EXIT.interrupted);
    asked = true;
    talk('stopping; nothing is left of the copy');
  };
  process.on('SIGINT', hear).on('SIGTERM', hear);
  return { stopping: () => asked, end: () => void process.off('SIGINT', hear).off('SIGTERM', hear) };
}

async function carryOut(from: Place, to: Place, asked: Asked, options: Options): Promise<{ readonly done: Copied; readonly served: boolean }> {
  const { copyStore, rehearse } = await import('./moving/copy-store.node.js');
  const { sourceOfFile } = await import('./moving/sqlite-source.node.js');
  const { sourceOnPostgres } = await import('./moving/postgres-source.node.js');
  const { expectNoFile, targetOfFile } = await import('./moving/sqlite-target.node.js');
  const { expectEmpty, targetOnPostgres } = await import('./moving/postgres-target.node.js');
  const { told } = await import('./moving/places.node.js');
  const look = asked.dryRun === true;
  return told([to, from], async () => {
    // What refuses at once refuses before the source is looked at.
    if ('servers' in to) await expectEmpty(to.servers, to.at);
    else expectNoFile(to.file);
    const source = await told([from], async () => ('servers' in from ? sourceOnPostgres(from.servers, from.at, look) : sourceOfFile(from.file, look)));
    try {
      if (look) return { done: await rehearse(source, options), served: source.served };
      const opened = async () => ('servers' in to ? targetOnPostgres(to.servers, to.at) : targetOfFile(to.file));
      return { done: await copyStore(source, opened, options), served: false };
    } finally {
      await source.close();
    }
  });
}

/** Findings are shown, and end the command with 4. */
async function orFindings(json: boolean, work: () => Promise<void>): Promise<void> {
  const { FoundDamage, Stopped, UnfitRows } = await import('./moving/copy-store.node.js');
  try {
    await work();
  } catch (error) {
    if (error instanceof Stopped) {
      talk('stopped; nothing was copied, and the source is as it was');
      process.exitCode = EXIT.interrupted;
      return;
    }
    if (error instanceof FoundDamage) {
      const { report } = error;
      if (json)
        printJson({
          error: { detail: error.message, integrity: report.integrity, damages: report.damages.map((one) => ({ ...one, fix: REMEDIES[one.code] })) },
        });
      else showReport('the database is damaged', report);
    }
    if (error instanceof UnfitRows) {
      if (json) printJson({ error: { detail: error.message, rows: error.rows } });
      else out(lines(error.rows.map((one) => red(one))));
    }
    throw error;
  }
}

async function copy(asked: Asked, command: Command, config: Config): Promise<void> {
  const { placeOf } = await import('./moving/places.node.js');
  if (asked.from === undefined && asked.to === undefined)
    throw new CliError(2, 'say where to: --to postgres://user@host/database; or where from, to come back: --from postgres://user@host/database');
  const from = placeOf(asked.from ?? databaseFile(config.data));
  const to = placeOf(asked.to ?? databaseFile(config.data));
  if ('file' in from && 'file' in to) throw new CliError(2, 'both are files: holdfast backup create copies a file, holdfast backup restore puts it in place');
  const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
  const said = progressLine();
  const heard = interruption();
  const options: Options = {
    despiteDamage: asked.despiteDamage === true,
    keepSource: asked.keepSource === true,
    progress: (text) => said(text),
    stopping: heard.stopping,
  };
  await orFindings(json, async () => {
    const { done, served } = await carryOut(from, to, asked, options).finally(() => {
      said();
      heard.end();
    });
    if (json) return printJson(inJson(from, to, asked, done, served));
    const rows = done.tables.reduce((sum, one) => sum + one.rows, 0);
    out(
      table(
        ['table', 'rows', 'SHA-256 of them'],
        done.tables.filter((one) => one.rows).map((one) => [one.table, String(one.rows), one.sha256]),
      ),
    );
    out(lines(['Chains of events end with:', headsShown(done)]));
    if (asked.dryRun) {
      if (served) talk(`${from.at} is being served: a copy is made only of one that is not. Stop every process on it before.`);
      return out(green(`${rows} rows could be copied; nothing was.`));
    }
    out(green(`${rows} rows are in ${to.at}, every table and every chain equal, and fsck finds nothing in it that it does not find in ${from.at}.`));
    if (done.spent) talk(`${done.spent} client assertion(s) that were spent are spent there too.`);
    for (const one of next(from, to, asked)) talk(one);
  });
}

async function reopen(text: string | undefined, dryRun: boolean, command: Command, config: Config): Promise<void> {
  const { placeOf, told } = await import('./moving/places.node.js');
  const { reopenFile, reopenPostgres } = await import('./moving/reopen.node.js');
  const place = placeOf(text ?? databaseFile(config.data));
  const done = await told([place], async () => ('servers' in place ? reopenPostgres(place.servers, place.at, dryRun) : reopenFile(place.file, dryRun)));
  if (command.optsWithGlobals<{ json?: boolean }>().json) return printJson({ at: place.at, reopened: done, ...(dryRun && { dry_run: true }) });
  out(done ? `${place.at} may be served again.` : `${place.at} is not dormant; nothing was changed.`);
  if (done)
    talk(
      'Nothing is signed or served from it until you confirm it: the other store may have gone on. Start the server, compare the events with the newest you know, then: holdfast restore confirm',
    );
}

/** What moves a store as a whole: no server is asked. */
export function storeCommands(program: Command, configOf: (command: Command) => Config): void {
  const store = program.command('store').description('where everything is kept: a database file, or PostgreSQL');
  store
    .command('copy')
    .description('move a store to PostgreSQL, or back to a file, and prove the copy; stop every process first')
    .option('--to <place>', 'postgres://user@host/database, a file, or a folder (default: the file of the data folder)')
    .option('--from <place>', 'the same, of what is copied (default: the file of the data folder)')
    .option('--dry-run', 'check and read everything, write nothing; may run beside a server')
    .option('--keep-source', 'the source stays the one to serve, and the copy is dormant: for a trial')
    .option('--despite-damage', 'though fsck finds something in the source')
    .action((asked: Asked, command: Command) => copy(asked, command, configOf(command)));
  store
    .command('reopen [place]')
    .description('serve a store again that a copy has made dormant, when the other one is not served and never will be')
    .action((text: string | undefined, options: { dryRun?: boolean }, command: Command) => reopen(text, options.dryRun === true, command, configOf(command)));
}
