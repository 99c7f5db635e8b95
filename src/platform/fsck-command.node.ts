import type { Command } from 'commander';
import { printJson, talk } from '../cli/output.js';
import { interruptible } from '../cli/waiting.js';
import { REMEDIES } from '../operations/fsck/damage.js';
import { progressLine, showReport } from './check-report.js';
import type { Config } from './config.js';
import { databaseFile } from './files.node.js';

const NO_FILE = 'The rows were checked. Whether the files of PostgreSQL are sound is its own to say: data checksums, pg_amcheck';

/** Check a store: no server is asked. */
export function fsckCommand(program: Command, configOf: (command: Command) => Config): void {
  program
    .command('fsck')
    .description('check the file, every row, every artefact against state, signature, hash and expiry, the indexes and the event chain; changes nothing')
    .option('--database <place>', 'postgres://user@host/database, a file, or a folder [HOLDFAST_DATABASE, default the file of the data folder]')
    .action(async ({ database }: { database?: string }, command: Command) => {
      const { placeOf, told } = await import('./moving/places.node.js');
      const { fsckFile } = await import('./local/fsck.node.js');
      const { fsckPostgres } = await import('./local/fsck-postgres.node.js');
      const place = placeOf(database ?? (process.env['HOLDFAST_DATABASE'] || databaseFile(configOf(command).data)), database !== undefined);
      const said = progressLine();
      const progress = (what: string, n: number) => said(`${what}, ${n}`);
      const report = await interruptible(
        () => 'stopped; nothing was changed, and nothing is known. Run it again from the beginning',
        () => told([place], async () => ('servers' in place ? fsckPostgres(place.servers, place.at, progress) : fsckFile(place.file, progress))),
      ).finally(() => said());
      if (command.optsWithGlobals<{ json?: boolean }>().json)
        printJson({ ...report, integrity: report.integrity ?? null, damages: report.damages.map((one) => ({ ...one, fix: REMEDIES[one.code] })) });
      else {
        showReport('the database file is damaged', { ...report, integrity: report.integrity ?? 'ok' });
        if (report.integrity === undefined) talk(NO_FILE);
      }
      if ((report.integrity ?? 'ok') !== 'ok' || report.damages.length) process.exitCode = 4;
    });
}
