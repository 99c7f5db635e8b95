import { existsSync, rmSync } from 'node:fs';
import type { Command } from 'commander';
import { green, lines, out, printJson, talk, when } from '../cli/output.js';
import { interruptible } from '../cli/waiting.js';
import { EXIT } from '../cli/exit-codes.js';
import { headTable } from '../cli/restore.js';
import { collect, readInput } from '../cli/shell.js';
import { REMEDIES } from '../operations/fsck/damage.js';
import type { ChainHead } from '../store/known-heads.js';
import { progressLine, showReport } from './check-report.js';
import { type Config, ConfigError } from './config.js';
import { databaseFile, evidenceFolder } from './files.node.js';

/** Heads for people, who keep them apart from the backup: only with the newest one can it be told that nothing is missing. */
const shown = (heads: readonly ChainHead[]): string => headTable(headsOf(heads));
const dated = (at: number | null): string => (at === null ? 'at a time it does not say' : when(at));

/** @throws ConfigError where the database is on PostgreSQL, which has its own ways */
function fileOf({ database, data }: Config, instead: string): string {
  if (database) throw new ConfigError(`HOLDFAST_DATABASE is set, and this command works on the database file of a data folder. ${instead}`);
  return databaseFile(data);
}
/** A database file that is not finished, with what SQLite keeps beside it. */
const removeAll = (file: string): void => {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${file}${suffix}`, { force: true });
};
const jsonOf = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;
const headsOf = (heads: readonly ChainHead[]) => heads.map(({ slug, entityId, seq, hash, at }) => ({ authority: slug, entity_id: entityId, seq, hash, at }));
/** Of a dry run, which tells whether a process has the database open. */
const rehearsal = (served: boolean | undefined) => (served === undefined ? {} : { dry_run: true, served });
const tellServed = (served: boolean): void => {
  if (served) talk('A process has the database open: stop it before.');
};
const ITS_OWN = 'PostgreSQL is backed up and restored by its own tools: docs/high-availability.md';

/** What works on the database file itself: no server is asked. */
export function backupCommands(program: Command, configOf: (command: Command) => Config): void {
  const backup = program.command('backup').description('copies of the database');
  backup
    .command('create <file>')
    .description('copy the database, also while it is in use')
    .action(async (file: string, _options: object, command: Command) => {
      const { createBackup } = await import('./local/backup.node.js');
      const said = progressLine();
      const config = configOf(command);
      const { bytes, heads, at, checkpoints } = await interruptible(
        () => 'stopped; no backup was made. Run it again',
        () => createBackup(fileOf(config, ITS_OWN), file, (what, n) => said(what === 'copying' ? `copying, ${n} %` : `checking the copy, ${n} MB`)),
        () => removeAll(`${file}.partial`),
      ).finally(() => said());
      if (at !== null) (await import('./local/doctor.node.js')).noteBackupMade(config.data, file, at);
      if (jsonOf(command)) return printJson({ file, bytes, heads: headsOf(heads), checkpoints: checkpoints ?? null });
      out(`${file}: ${bytes} bytes. The seal key is not in it: keep HOLDFAST_SEAL_KEY (or seal.key of the data folder) apart from it`);
      const evidence = evidenceFolder(config.data);
      if (existsSync(evidence)) talk(`${evidence} is not in it: the files of evidence never change, so copy that folder too, such as by rsync -a`);
      out(lines(['It ends with these events:', shown(heads)]));
      return checkpoints === undefined
        ? undefined
        : out(`${checkpoints}: the newest checkpoints. Keep a copy apart from the backup: a restored history is held against it`);
    });
  backup
    .command('verify <file>')
    .description('check a backup as fsck would, and show where it ends')
    .action(async (file: string, _options: object, command: Command) => {
      const { verifyBackup } = await import('./local/backup.node.js');
      const said = progressLine();
      const { at, heads, ...report } = await interruptible(
        () => 'stopped; the backup is as it was, and not verified. Run it again',
        () => verifyBackup(file, (what, n) => said(`${what}, ${n}`)),
        () => removeAll(`${file}.verify-${process.pid}`),
      ).finally(() => said());
      const sound = report.integrity === 'ok' && report.damages.length === 0;
      if (!sound) process.exitCode = EXIT.findings;
      if (jsonOf(command))
        return printJson({
          file,
          sound,
          made_at: at,
          heads: headsOf(heads),
          integrity: report.integrity,
          damages: report.damages.map((one) => ({ ...one, fix: REMEDIES[one.code] })),
        });
      if (sound) return out(lines([`${green('the backup is sound')}. It was made ${dated(at)} and ends with these events:`, shown(heads)]));
      return showReport('the backup is damaged', report);
    });
  backup
    .command('restore <file>')
    .description('put a backup in the place of the database; stop the server first, confirm afterwards')
    .option(
      '--known-head <file>',
      'signed heads or checkpoints that somebody kept, as <authority>/head and <authority>/checkpoints/latest serve them: refuse a backup that lacks one; repeat for several',
      collect,
      [],
    )
    .option('--accept-rollback', 'though it lacks events')
    .action(async (file: string, options: { acceptRollback?: boolean; knownHead: string[]; dryRun?: boolean }, command: Command) => {
      const { restoreBackup } = await import('./local/backup.node.js');
      const { lost, kept, at, heads, served } = await restoreBackup(file, fileOf(configOf(command), ITS_OWN), {
        acceptRollback: options.acceptRollback === true,
        signed: options.knownHead.flatMap((name) => readInput(name).trim().split(/\s+/)),
        dryRun: options.dryRun === true,
      });
      if (jsonOf(command))
        return printJson({
          restored: file,
          lost_events: lost ?? null,
          kept: kept ?? null,
          made_at: at,
          heads: headsOf(heads),
          confirm: heads.length > 0,
          ...rehearsal(served),
        });
      const gone = lost === undefined ? '; the database that was there could not be read' : lost ? `; ${lost} event(s) are lost` : '';
      if (served !== undefined) {
        out(`${file} would be restored${gone}`);
        return tellServed(served);
      }
      out(`restored${gone}. ${kept === undefined ? 'No database was there' : `The database that was there is kept as ${kept}`}`);
      if (heads.length === 0) return undefined;
      out(lines([`The backup was made ${dated(at)} and ends with these events:`, shown(heads)]));
      return talk(
        'Nothing is signed or served from it until you confirm it. Start the server, compare the events with the newest you know, then: holdfast restore confirm',
      );
    });
  program.commands
    .find((one) => one.name() === 'api-key')
    ?.command('recover')
    .description(
      'make an owner key on the machine of the data folder, or with the password of the database, when the last one is lost; its token is shown once',
    )
    .option('--name <name>', 'what it is called', 'recovered owner')
    .action(async ({ name, dryRun = false }: { name: string; dryRun?: boolean }, command: Command) => {
      const { recoverKey, recoverKeyOnPostgres } = await import('./local/recover-owner.node.js');
      const config = configOf(command);
      const made = config.database ? await recoverKeyOnPostgres(config.database, name, dryRun) : await recoverKey(databaseFile(config.data), name, dryRun);
      if (made === undefined) return jsonOf(command) ? printJson({ dry_run: true }) : out(`an owner key "${name}" would be made`);
      if (command.optsWithGlobals<{ json?: boolean }>().json) return printJson(made);
      talk(`${made.id}: this token is shown once. Revoke what is lost: holdfast api-key list, holdfast api-key revoke <id>`);
      return out(made.token);
    });
  program
    .command('seal-key')
    .description('the key that seals the signing keys')
    .command('rotate')
    .description('seal every signing key under another key, in one commit; stop the server first, on PostgreSQL every process on the database')
    .option('--new-key-file <file>', 'file of mode 0600 with the new key; made when it is not there (needed unless the key is the one of the data folder)')
    .action(async (options: { newKeyFile?: string; dryRun?: boolean }, command: Command) => {
      const config = configOf(command);
      const { rotateSealKey } = await import('./local/seal-key.node.js');
      const { rotateSealKeyOnPostgres } = await import('./local/seal-key-postgres.node.js');
      const { keys, file, served } = config.database
        ? await rotateSealKeyOnPostgres(config, config.database, options.newKeyFile, options.dryRun)
        : await rotateSealKey(config, options.newKeyFile, options.dryRun);
      const done = keys === 0 ? 'all private keys are sealed under it already' : `${keys} private key(s) are sealed under it now`;
      if (jsonOf(command)) return printJson({ file, sealed: keys, ...rehearsal(served) });
      if (served !== undefined) {
        out(`${keys} private key(s) would be sealed under the key of ${file}; each opens`);
        return tellServed(served);
      }
      return out(`${file} holds the seal key in force: ${done}. The former one opens nothing in this database; it still opens backups made before`);
    });
}
