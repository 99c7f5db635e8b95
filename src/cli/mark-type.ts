import type { Command } from 'commander';
import { durationOr, whole } from './kinds.js';
import { clean, out, table, talk, when } from './output.js';
import { recognitionCommands } from './recognition.js';
import { confirm, globals, type Page, path, readInput, show } from './shell.js';

interface TypeView {
  readonly trust_mark_type: string;
  readonly state: string;
  readonly lifetime: number | null;
  readonly delegated: boolean;
  readonly delegated_until: number | null;
  readonly withdrawn?: number;
}
const root = (authority: string, ...more: string[]) => path('authorities', authority, ...more);
const days = (seconds: number | null) => (seconds === null ? 'no end' : seconds % 86_400 === 0 ? `${seconds / 86_400} d` : `${seconds} s`);

const typeSettings = (command: Command): Command =>
  command
    .option('--logo <uri>', 'a picture of the mark')
    .option('--ref <uri>', 'what the mark means, for people')
    .option(
      '--lifetime <duration|none>',
      'of each mark: 30d, 12h, or seconds; renewed ahead of its end. none: marks carry no exp, for authorizations that have no end; their bearers take a new one only when your key changes',
      durationOr('none'),
    )
    .option('--delegation <file>', "the owner's delegation, a compact JWT");
const typeBody = (options: { logo?: string; ref?: string; lifetime?: number | 'none'; delegation?: string }) => ({
  ...(options.logo !== undefined && { logo_uri: options.logo }),
  ...(options.ref !== undefined && { ref: options.ref }),
  ...(options.lifetime !== undefined && { lifetime: options.lifetime === 'none' ? null : options.lifetime }),
  ...(options.delegation !== undefined && { delegation: readInput(options.delegation).trim() }),
});

/** `mark type`. */
export function markTypeCommands(type: Command): void {
  const describe = (one: TypeView) =>
    out(`${clean(one.trust_mark_type)}  ${one.state}, ${days(one.lifetime)}${one.delegated ? `, delegated until ${when(one.delegated_until)}` : ''}`);
  type
    .command('list')
    .description('types this authority issues')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<TypeView>>(root(authority, 'mark-types'));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['type', 'state', 'lifetime', 'delegated until'],
                page.items.map((one) => [one.trust_mark_type, one.state, days(one.lifetime), one.delegated ? when(one.delegated_until) : '—']),
              ),
            )
          : talk('No types yet. Begin with: npx holdfast mark type create https://…'),
      );
    });
  typeSettings(type.command('create <type>').description('begin to issue a type, a URL')).action(
    async (name: string, options: Parameters<typeof typeBody>[0], command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types'), { trust_mark_type: name, ...typeBody(options) });
      show(json, one, () => {
        describe(one);
        talk(
          `Next: npx holdfast mark grant ${name} <member>; and have the trust anchor recognize you: npx holdfast mark type recognize ${name} --issuer <your entity id>`,
        );
      });
    },
  );
  typeSettings(type.command('change <type>').description('marks follow at their renewal'))
    .option('--seen <version>', 'refuse when the type has another version than this (v of --json mark type list)', whole)
    .action(async (name: string, options: Parameters<typeof typeBody>[0] & { seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const v = options.seen === undefined ? {} : { v: options.seen };
      const one = await client.send<TypeView>('PATCH', root(authority, 'mark-types', name), { ...typeBody(options), ...v });
      show(json, one, () => describe(one));
    });
  type
    .command('halt <type>')
    .description('withdraw every mark of a type at once and issue no more')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--yes <type>', 'confirm by repeating the type')
    .action(async (name: string, options: { reason: string; yes?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      await confirm(name, options.yes, `This will withdraw every mark of ${name}`);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types', name, 'halt'), { reason: options.reason });
      show(json, one, () => talk(`${one.withdrawn ?? 0} marks are withdrawn; their status is revoked`));
    });
  type
    .command('resume <type>')
    .description('allow grants of a halted type again')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types', name, 'resume'));
      show(json, one, () => describe(one));
    });
  recognitionCommands(type);
}
