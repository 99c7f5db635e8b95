import type { Command } from 'commander';
import { timeOrDuration, whole } from './kinds.js';
import { clean, green, out, table, talk, when, yellow } from './output.js';
import { globals, type Page, path, queryOf, show } from './shell.js';

interface LinkView {
  readonly id: string;
  readonly state: string;
  readonly uses: number;
  readonly used: number;
  readonly expires_at: number;
  readonly note: string | null;
  readonly url?: string;
  readonly already?: boolean;
  readonly dry_run?: boolean;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, 'join-links', ...more);
const colored = (state: string): string => (state === 'open' ? green(state) : yellow(state));

/** `join-link create`, `list` and `end`. */
export function joinLinkCommands(program: Command): void {
  const link = program.command('join-link').description('links by which strangers may apply for membership');
  link
    .command('create')
    .description('make a link to give to a partner; whoever has it may apply, and its secret is shown once')
    .option('--uses <n>', 'how many may apply by it, 1 to 1000', whole, 1)
    .option('--until <time-or-duration>', 'until when, such as 2027-01-01 or 14d; left out: 14 days', timeOrDuration)
    .option('--note <text>', 'whom it is for; applicants are not told')
    .action(async (options: { uses: number; until?: number; note?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const { uses, until, note } = options;
      const body = { uses, ...(until !== undefined && { expires_at: until }), ...(note !== undefined && { note }) };
      const made = await client.send<LinkView>('POST', root(authority), body);
      show(json, made, () => {
        if (made.url === undefined) return talk(`It would last until ${when(made.expires_at)}, for ${made.uses} of them.`);
        out(made.url);
        talk(
          `Shown once; until ${when(made.expires_at)}, for ${made.uses} of them. The partner: npx holdfast apply send '${made.url}' --entity-id <entity-id>`,
        );
      });
    });
  link
    .command('list')
    .description('all links, newest first; ended ones included')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<LinkView>>(`${root(authority)}?${queryOf({ ...options })}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No join links yet. Make one: npx holdfast join-link create');
        else
          out(
            table(
              ['id', 'state', 'used', 'until', 'note'],
              page.items.map((one) => [one.id, colored(one.state), `${one.used} of ${one.uses}`, when(one.expires_at), one.note ?? '—']),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  link
    .command('end <link>')
    .description('end a link: nobody applies by it any more; who has applied has')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, options: { reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = options.reason === undefined ? {} : { reason: options.reason };
      const one = await client.send<LinkView>('POST', root(authority, id, 'end'), body);
      show(json, one, () => {
        out(`${one.id}  ${colored(one.state)}, ${one.used} of ${one.uses} have applied by it${one.note === null ? '' : `; ${clean(one.note)}`}`);
        if (one.already) talk('It had ended before.');
      });
    });
}
