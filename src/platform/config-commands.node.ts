import type { Command } from 'commander';
import { EXIT } from '../cli/exit-codes.js';
import { lines, out, printJson, table, talk, yellow } from '../cli/output.js';
import { show } from '../cli/shell.js';
import type { Config } from './config.js';
import { expectStartable, moreThanCores, strayVariables } from './start-check.node.js';

const isJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;

export function configCommands(program: Command, configOf: (command: Command) => Config): void {
  const config = program.command('config').description('the configuration in force');
  config
    .command('show')
    .description('every setting')
    .option('--sources', 'and where each came from')
    .action((options: { sources?: boolean }, command: Command) => {
      const { sources } = configOf(command);
      if (isJson(command)) return printJson(Object.fromEntries(sources.map(({ setting, value, source }) => [setting.env, { value: value ?? null, source }])));
      return out(
        table(
          ['setting', 'value', ...(options.sources ? ['source'] : [])],
          sources.map(({ setting, value, source }) => [setting.env, value ?? '—', ...(options.sources ? [source] : [])]),
        ),
      );
    });
  config
    .command('check')
    .description('say whether serve would start with it, and whether the databases it names answer; makes nothing')
    .action(async (_options: object, command: Command) => {
      const config = configOf(command);
      expectStartable(config);
      const { database, readDatabase } = config;
      const { checkDatabase } = await import('./check-database.node.js');
      const databases = [
        ...(database ? [`HOLDFAST_DATABASE: ${await checkDatabase('HOLDFAST_DATABASE', database, 'primary')}`] : []),
        ...(readDatabase ? [`HOLDFAST_READ_DATABASE: ${await checkDatabase('HOLDFAST_READ_DATABASE', readDatabase, 'any')}`] : []),
      ];
      const warnings = [...strayVariables(process.env), ...moreThanCores(config)];
      show(isJson(command), { ok: warnings.length === 0, databases, warnings }, () => {
        out(lines(['The configuration holds.', ...databases]));
        for (const warning of warnings) talk(`${yellow('warning')} ${warning}`);
      });
      if (warnings.length) process.exitCode = EXIT.findings;
    });
}
