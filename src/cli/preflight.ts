import type { Command } from 'commander';
import { parseProfile, type Profile, PROFILES } from '../federation/entry.js';
import type { PreflightReport } from '../rp/entry.node.js';
import { CliError } from './client.js';
import { exitOfErrors } from './exit-codes.js';
import { expectEntityId } from './entity-id.js';
import { clean, green, out, showFindings, table, talk } from './output.js';
import { collect, readJson, show } from './shell.js';

export type PreflightRunner = (entityId: string, profiles: readonly Profile[]) => Promise<PreflightReport>;

/** A profile that comes with Holdfast, or one from a file. @throws CliError */
function profileOf(name: string): Profile {
  if (Object.hasOwn(PROFILES, name)) return PROFILES[name] as Profile;
  if (!name.endsWith('.json')) throw new CliError(2, `there is no profile ${name}; there are ${Object.keys(PROFILES).join(', ')}, and yours in a .json file`);
  const profile = parseProfile(readJson(name));
  if (!profile.ok) throw new CliError(4, `${name} is no profile`, profile.findings);
  return profile.value;
}

export function preflightCommand(program: Command, run: PreflightRunner): void {
  program
    .command('preflight [entity-id]')
    .description('check any entity, member or not, against the standard and profiles; needs no server, changes nothing')
    .option('--profile <name|file.json>', `${Object.keys(PROFILES).join(', ')}, or a file; repeat for several (default: base)`, collect, [])
    .option('--list', 'list the profiles and their rules')
    .action(async (entityId: string | undefined, options: { profile: string[]; list?: boolean }, command: Command) => {
      const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
      const profiles = (options.profile.length || !options.list ? (options.profile.length ? options.profile : ['base']) : Object.keys(PROFILES)).map(profileOf);
      if (options.list)
        return show(json, { items: profiles, next_cursor: null }, () => {
          for (const { name, version, title, document, status, date, rules } of profiles) {
            out(`${name} ${version}: ${title}${[document, status, date].map((one) => (one === undefined ? '' : `, ${one}`)).join('')}`);
            out(
              table(
                ['  rule', 'severity', 'concerns', 'section', ''],
                rules.map((one) => [`  ${one.id}`, one.severity, one.applies_to, one.source, one.says]),
              ),
            );
          }
        });
      if (entityId === undefined) throw new CliError(2, 'which entity? npx holdfast preflight <entity-id>');
      expectEntityId(entityId);
      const report = await run(entityId, profiles);
      const errors = report.findings.filter(({ severity }) => severity === 'error');
      const types = Object.keys(report.configuration?.claims.metadata ?? {});
      show(
        json,
        {
          entity_id: entityId,
          ok: errors.length === 0,
          profiles: profiles.map(({ name, version }) => `${name} ${version}`),
          entity_types: types,
          findings: report.findings,
        },
        () => {
          out(`${clean(entityId)}  ${types.map(clean).join(', ')}`);
          out(report.findings.length ? showFindings(report.findings) : green('no findings'));
          talk(
            `${errors.length} error(s), ${report.findings.length - errors.length} warning(s); ${profiles.map(({ name, version }) => `${name} ${version}`).join(', ')}`,
          );
        },
      );
      process.exitCode = exitOfErrors(errors);
      return undefined;
    });
}
