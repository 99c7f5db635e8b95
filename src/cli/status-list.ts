import type { Command } from 'commander';
import { green, out, red, table, talk, when } from './output.js';
import { globals, path, show } from './shell.js';

interface StatusListView {
  readonly list: number;
  readonly url: string;
  readonly status: number;
  readonly exp: number | null;
  readonly bytes: number | null;
  readonly places: Readonly<Record<string, number>>;
  readonly invalid: number;
  readonly suspended: number;
}

/** `status-list`. */
export function statusListCommands(program: Command): void {
  program
    .command('status-list')
    .description('the signed lists by which relying servers know who is in force')
    .command('show')
    .description('how each list is answered now, how full it is, how many in it are not valid')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const found = await client.get<{ items: readonly StatusListView[] }>(path('authorities', authority, 'status-lists'));
      show(json, found, () => {
        if (found.items.length === 0) return talk('There is no status list yet: nobody has been in force.');
        return out(
          table(
            ['answer', 'url', 'until', 'bytes', 'members', 'issued', 'invalid', 'suspended'],
            found.items.map((one) => [
              one.status === 200 ? green('200') : red(String(one.status)),
              one.url,
              when(one.exp),
              one.bytes === null ? '—' : String(one.bytes),
              String(one.places['member'] ?? 0),
              String(Object.entries(one.places).reduce((sum, [kind, n]) => (kind === 'member' ? sum : sum + n), 0)),
              String(one.invalid),
              String(one.suspended),
            ]),
          ),
        );
      });
    });
}
