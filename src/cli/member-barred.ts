import type { Command } from 'commander';
import { out, table, talk, when } from './output.js';
import { globals, type Page, path, queryOf, show } from './shell.js';

interface Barred {
  readonly entity_id: string;
  readonly reason: string | null;
  readonly event: number | null;
  readonly barred_at: number;
}

/** `member barred`. */
export function barredCommand(member: Command): void {
  member
    .command('barred')
    .description('identifiers that were revoked; each comes back by an approver alone, with other keys')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async ({ limit, cursor }: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<Barred>>(`${path('authorities', authority, 'barred')}?${queryOf({ limit, cursor })}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('Nobody is barred.');
        else
          out(
            table(
              ['entity id', 'since', 'event', 'reason'],
              page.items.map((one) => [one.entity_id, when(one.barred_at), one.event === null ? '—' : String(one.event), one.reason ?? '']),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
}
