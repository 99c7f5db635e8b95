import type { Command } from 'commander';
import { CliError } from './client.js';
import { whole } from './kinds.js';
import { base, describe, DOMAIN_CONTROL, type MemberView, shownBy } from './member-view.js';
import { talkFindings } from './output.js';
import { collect, globals, path, readInput, readJson, show } from './shell.js';

/** `member host`, `member locate` and `member keys`. */
export function keepCommands(member: Command): void {
  member
    .command('host <id> [file]')
    .description('serve the entity configuration that the member signed (a compact JWT in a file, or -), for leafs without a web server')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--waive <code>', 'accept by name: identifier_respelled', collect, [])
    .option('--end', 'serve it no longer')
    .action(async (id: string, file: string | undefined, options: { end?: boolean; domainControl?: string; waive: string[] }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (!options.end && file === undefined) throw new CliError(2, 'which configuration? npx holdfast member host <id> <file>');
      const one = options.end
        ? await client.send<MemberView>('DELETE', base(authority, id, 'configuration'))
        : await client.send<MemberView>('PUT', base(authority, id, 'configuration'), {
            entity_configuration: readInput(file ?? '-').trim(),
            ...shownBy(options.domainControl),
            ...(options.waive.length && { waive: options.waive }),
          });
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  member
    .command('locate <id> [url]')
    .description('say in the statement where the member publishes its entity configuration (ec_location), when not at its well-known URL')
    .option('--domain-control <how>', DOMAIN_CONTROL)
    .option('--end', 'it is at the well-known URL again')
    .action(async (id: string, url: string | undefined, options: { end?: boolean; domainControl?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (!options.end && url === undefined) throw new CliError(2, 'where? npx holdfast member locate <id> <url>');
      const one = await client.send<MemberView>('PATCH', base(authority, id), {
        ec_location: options.end ? null : url,
        ...shownBy(options.domainControl),
      });
      show(json, one, () => describe(one));
    });
  const keys = member.command('keys').description("a member's keys");
  keys
    .command('replace <id>')
    .description('put other keys in the place of the ones bound; you vouch for them')
    .option('--jwks <file>', 'its public keys as a JWK Set')
    .option('--pem <file>', 'its public keys as PEM')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--waive <code>', 'accept by name: key_of_authority, key_halted', collect, [])
    .option('--seen <version>', 'refuse when the member has another version than this (member show)', whole)
    .action(async (id: string, options: { jwks?: string; pem?: string; reason: string; waive: string[]; seen?: number }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<MemberView>('PUT', base(authority, id, 'keys'), {
        ...(options.jwks !== undefined && { jwks: readJson(options.jwks) }),
        ...(options.pem !== undefined && { pem: readInput(options.pem) }),
        reason: options.reason,
        ...(options.seen !== undefined && { v: options.seen }),
        ...(options.waive.length && { waive: options.waive }),
      });
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  keys
    .command('adopt <id>')
    .description('adopt the keys of a configuration that a known key has signed')
    .option('--entity-configuration <file>', 'instead of fetching it')
    .action(async (id: string, options: { entityConfiguration?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<MemberView>(
        'POST',
        path('authorities', authority, 'members', id, 'keys', 'adopt'),
        options.entityConfiguration === undefined ? {} : { entity_configuration: readInput(options.entityConfiguration).trim() },
      );
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
}
