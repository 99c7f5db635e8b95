import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { type JobView, jobDone } from './waiting.js';
import { CliError } from './client.js';
import { out, table, talk, when } from './output.js';
import { globals, path, queryOf, show, type Page } from './shell.js';

export function watchingCommands(program: Command): void {
  const job = program.command('job').description('imports, re-signings, crawls');
  const row = (one: JobView) => [
    one.id,
    one.params.dry_run ? `${one.kind} (dry run)` : one.kind,
    one.state,
    `${one.done} of ${one.total}`,
    // A crawl counts here whom it did not reach: nobody refused anything.
    one.refused ? `${one.refused} ${one.kind === 'crawl' ? 'not reached' : 'refused'}` : '0',
    when(one.updated_at),
  ];
  const header = ['id', 'kind', 'state', 'progress', 'not done', 'updated'];
  job
    .command('list')
    .description('newest first')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async ({ limit, cursor }: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<JobView>>(`${path('authorities', authority, 'jobs')}?${queryOf({ limit, cursor })}`);
      show(json, page, () => {
        if (page.items.length) out(table(header, page.items.map(row)));
        else talk('No jobs yet.');
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  job
    .command('show <id>')
    .description('one job')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<JobView>(path('authorities', authority, 'jobs', id));
      show(json, one, () => out(table(header, [row(one)])));
    });
  job
    .command('cancel <id>')
    .description('end an import that nobody goes on with; what it took stays, and so does its report')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<JobView>('POST', path('authorities', authority, 'jobs', id, 'cancel'));
      show(json, one, () => out(table(header, [row(one)])));
    });
  job
    .command('refusals <id>')
    .description('what an import refused and why, by line; and what it took with a warning')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (id: string, options: { limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit: options.limit, ...(options.cursor !== undefined && { cursor: options.cursor }) });
      const page = await client.get<Page<{ line: number; entity_id: string | null; severity: string; code: string; detail: string }>>(
        `${path('authorities', authority, 'jobs', id, 'refusals')}?${query}`,
      );
      show(json, page, () => {
        if (page.items.length === 0) talk('Nothing was refused.');
        else
          out(
            table(
              ['line', 'entity id', '', 'code', 'detail'],
              page.items.map((one) => [String(one.line), one.entity_id ?? '—', one.severity, one.code, one.detail]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  job
    .command('run <kind>')
    .description('start one: crawl')
    .option('--anchor <entity-id>', 'crawl: the anchor to walk down from; default: the authority itself')
    .option('--wait', 'until it is done, with progress')
    .action(async (kind: string, options: { anchor?: string; wait?: boolean }, command: Command) => {
      if (kind !== 'crawl') throw new CliError(2, 'the kind of job that can be started by hand is: crawl');
      const { client, json, authority } = globals(command);
      const body = options.anchor === undefined ? {} : { trust_anchor: options.anchor };
      let one = await client.send<JobView>('POST', path('authorities', authority, 'crawls'), body);
      if (!isDryRun()) talk(`${one.id} is running; watch it: npx holdfast job show ${one.id}`);
      if (options.wait && !isDryRun()) one = await jobDone(client, authority, one, ({ done, total, refused }) => `${done} of ${total}, ${refused} not reached`);
      show(json, one, () => out(table(header, [row(one)])));
    });
}
