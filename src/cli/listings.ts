import type { Command } from 'commander';
import { green, out, red, table, talk, when, yellow } from './output.js';
import { globals, type Page, path, show } from './shell.js';

interface ListingView {
  readonly entity_id: string;
  readonly url: string | null;
  readonly state: 'waiting' | 'ok' | 'failing' | 'untrusted';
  readonly problem: string | null;
  readonly listed: number;
  readonly etag: string | null;
  readonly checked_at: number | null;
  readonly due_at: number;
}

const colored = (state: ListingView['state']): string => (state === 'ok' ? green(state) : state === 'failing' ? red(state) : yellow(state));

/** `entity listings`. */
export function listingCommand(entity: Command): void {
  entity
    .command('listings')
    .description('the listings of superiors that are watched: what the last look met, and when the next one is')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit: options.limit, ...(options.cursor !== undefined && { cursor: options.cursor }) });
      const page = await client.get<Page<ListingView>>(`${path('authorities', authority, 'listings')}?${query}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No listing is watched. A superior is, once it has a valid chain and names a list endpoint.');
        else
          out(
            table(
              ['superior', 'state', 'listed', 'looked at', 'next', 'etag', 'problem'],
              page.items.map((one) => [
                one.entity_id,
                colored(one.state),
                one.url === null ? 'from the store' : String(one.listed),
                when(one.checked_at),
                when(one.due_at),
                one.etag ?? '—',
                one.problem ?? '',
              ]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
}
