import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { newApiKey, tokenDigest } from '../keys/random.js';
import { whoAmI } from './answers.js';
import { CliError } from './client.js';
import { timeOrDuration } from './kinds.js';
import { dim, out, printJson, table, talk, when } from './output.js';
import { collect, globals, type Page, path, show } from './shell.js';

export function accessCommands(program: Command): void {
  program
    .command('whoami')
    .description('who you are on the server')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const me = await whoAmI(client);
      show(json, me, () => {
        out(`${me.id}  ${me.role}  ${me.authorities?.join(', ') ?? 'all authorities'}  ${dim(client.url + (me.development ? ' (development mode)' : ''))}`);
        if (me.person) out(`  ${me.person.name}: ${me.person.roles.map(({ role, authority }) => `${role} of ${authority ?? 'all'}`).join(', ') || 'no role'}`);
      });
    });
  program
    .command('openapi')
    .description('the contract of the admin API on stdout')
    .action(async (_options: object, command: Command) => {
      printJson(await globals(command).client.get('/openapi.json'));
    });
  const keys = program.command('api-key').description('API keys of people and scripts');
  keys
    .command('list')
    .description('all keys; never their tokens')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const page =
        await client.get<
          Page<{
            id: string;
            name: string;
            prefix: string;
            role: string;
            person: string | null;
            authorities: string[] | null;
            expires_at: number | null;
            revoked_at: number | null;
            last_used_at: number | null;
          }>
        >('/api-keys');
      show(json, page, () =>
        out(
          table(
            ['id', 'name', 'role', 'person', 'authorities', 'expires', 'last used', ''],
            page.items.map((one) => [
              one.id,
              one.name,
              one.role,
              one.person ?? '',
              one.authorities?.join(',') ?? 'all',
              when(one.expires_at),
              when(one.last_used_at),
              one.revoked_at === null ? '' : 'revoked',
            ]),
          ),
        ),
      );
    });
  keys
    .command('create <name>')
    .description('make a key; its token is shown once')
    .option('--role <role>', 'owner, operator, approver, responder or auditor; of a key of a person the most that it may')
    .option('--person <id>', 'whose key it is (person list): it may what that person may; left out, it is nobody’s')
    .option('--only <slug>', 'limit it to an authority; repeat for several', collect, [])
    .option('--expires <time>', 'when it ends: 2027-01-01 (UTC), 2027-01-01T09:00:00+01:00, or how far away: 90d', timeOrDuration)
    .option('--token-digest <digest>', 'of a token that its person has made (api-key secret): the server shows none then')
    .action(async (name: string, options: { role?: string; person?: string; only: string[]; expires?: number; tokenDigest?: string }, command: Command) => {
      const { client, json } = globals(command);
      if (options.role === undefined && options.person === undefined) throw new CliError(2, 'whose key is it? Give --role for one of nobody, or --person');
      const one = await client.send<{ id: string; token?: string }>('POST', '/api-keys', {
        name,
        ...(options.role !== undefined && { role: options.role }),
        ...(options.person !== undefined && { person: options.person }),
        authorities: options.only.length ? options.only : null,
        ...(options.expires !== undefined && { expires_at: options.expires }),
        ...(options.tokenDigest !== undefined && { token_digest: options.tokenDigest }),
      });
      show(json, one, () => {
        if (isDryRun()) return talk(`a key of ${name} would be made; its token is shown then`);
        talk(one.token === undefined ? `${one.id}: whoever made its token has it` : `${one.id}: this token is shown once`);
        if (one.token !== undefined) out(one.token);
      });
    });
  keys
    .command('secret')
    .description('make a token here, and its digest, which you give to whoever makes the key for you; asks no server')
    .action(async (_options: object, command: Command) => {
      const token = newApiKey();
      const digest = await tokenDigest(token);
      show(command.optsWithGlobals<{ json?: boolean }>().json === true, { token: token.token, token_digest: digest }, () => {
        talk(`keep the token to yourself; what the others need: --token-digest ${digest}`);
        out(token.token);
      });
    });
  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<{ id: string }>('POST', path('api-keys', id, 'revoke'));
      show(json, one, () => talk(`${one.id} is revoked`));
    });
}
