import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { CliError } from './client.js';
import { type EntitlementView, type ListOptions, listFrom, listOptions, showList } from './entitlement.js';
import { whole } from './kinds.js';
import { clean, out, table, talk } from './output.js';
import { globals, type Page, path, queryOf, show } from './shell.js';
import { type JobView, jobDone } from './waiting.js';

interface BundleView {
  readonly name: string;
  readonly state: string;
  readonly description: string | null;
  readonly entitlements: readonly EntitlementView[];
  readonly members: number;
  readonly active: number;
  readonly v: number;
  readonly job?: string | null;
  readonly widens?: boolean;
  readonly dry_run?: boolean;
}
interface Impact {
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly { readonly entity_id: string | null; readonly effect: string; readonly detail: string }[];
  readonly next_cursor: string | null;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, 'bundles', ...more);

function describe(one: BundleView): void {
  out(`${one.name}  ${one.state}, version ${one.v}; ${one.members} members have it, ${one.active} of them active`);
  if (one.description) out(clean(one.description));
  showList(one.entitlements);
  if (one.dry_run) talk(one.widens ? 'This widens: with quorum 2 it takes two persons.' : 'This widens nothing.');
  else if (one.job) talk(`Statements are signed anew: npx holdfast job show ${one.job}`);
}

interface Changing extends ListOptions {
  readonly description?: string;
  readonly none?: boolean;
  readonly seen?: number;
}

/** `bundle list`, `show`, `create`, `change`, `end` and `impact`. */
export function bundleCommands(program: Command): void {
  const bundle = program.command('bundle').description('entitlements under a name, for members that are given them together');
  bundle
    .command('list')
    .description('all bundles, ended ones included')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<BundleView>>(root(authority));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['bundle', 'state', 'entitlements', 'members', 'active', 'description'],
                page.items.map((one) => [
                  one.name,
                  one.state,
                  String(one.entitlements.length),
                  String(one.members),
                  String(one.active),
                  one.description ?? '—',
                ]),
              ),
            )
          : talk('No bundles yet. Make one: npx holdfast bundle create read-only --scope accounts:read'),
      );
    });
  bundle
    .command('show <name>')
    .description('one bundle')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<BundleView>(root(authority, name));
      show(json, one, () => describe(one));
    });
  listOptions(bundle.command('create <name>').description('make a bundle; nobody has it yet: entitlement add <member> --bundle <name>'))
    .option('--description <text>', 'what it is for')
    .action(async (name: string, options: Changing, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = { name, entitlements: listFrom(options) ?? [], ...(options.description !== undefined && { description: options.description }) };
      const one = await client.send<BundleView>('POST', root(authority), body);
      show(json, one, () => describe(one));
    });
  listOptions(bundle.command('change <name>').description('say all that it gives, for all that have it; what is not named is taken away'))
    .option('--none', 'it gives nothing, until it is changed again')
    .option('--description <text>', 'what it is for; "" for nothing')
    .option('--seen <version>', 'refuse when the bundle has another version than this (bundle show)', whole)
    .action(async (name: string, options: Changing, command: Command) => {
      const { client, json, authority } = globals(command);
      const entitlements = options.none ? [] : listFrom(options);
      if (entitlements === undefined && options.description === undefined)
        throw new CliError(2, 'nothing to change: say what it gives, such as --scope accounts:read, or --none');
      const body = {
        ...(entitlements && { entitlements }),
        ...(options.description !== undefined && { description: options.description || null }),
        ...(options.seen !== undefined && { v: options.seen }),
      };
      const one = await client.send<BundleView>('PATCH', root(authority, name), body);
      show(json, one, () => describe(one));
    });
  bundle
    .command('end <name>')
    .description('end a bundle: it gives nothing any more, and its name is not given again')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--seen <version>', 'refuse when the bundle has another version than this (bundle show)', whole)
    .action(async (name: string, options: { reason: string; seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = { reason: options.reason, ...(options.seen !== undefined && { v: options.seen }) };
      const one = await client.send<BundleView>('POST', root(authority, name, 'end'), body);
      show(json, one, () => describe(one));
    });
  listOptions(
    bundle.command('impact <name>').description('replay another content on the metadata of all that have it: whom it changes, whom it breaks, and why'),
  )
    .option('--none', 'as if it gave nothing')
    .option('--effect <effect>', 'show only: breaks, changes, mends, still_broken, unknown')
    .option('--limit <n>', 'members shown, 1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended, of the last replay')
    .option('--last', 'read what the last replay has found, and begin none')
    .action(async (name: string, options: Changing & { effect?: string; limit: string; cursor?: string; last?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      if (!options.last && options.cursor === undefined) {
        const entitlements = options.none ? [] : listFrom(options);
        if (!entitlements) throw new CliError(2, 'say what it would give, such as --scope accounts:read, or --none; or read the last replay: --last');
        const job = await client.send<JobView>('POST', root(authority, name, 'impact'), { entitlements });
        if (isDryRun()) return show(json, job, () => talk('The replay would begin.'));
        await jobDone(
          client,
          authority,
          job,
          ({ done, total }) => `${done} of ${total} members`,
          `then: npx holdfast --authority ${authority} bundle impact ${name} --last`,
        );
      }
      const { effect, limit, cursor } = options;
      const found = await client.get<Impact>(`${root(authority, name, 'impact')}?${queryOf({ effect, limit, cursor })}`);
      show(json, found, () => {
        for (const [one, n] of Object.entries(found.counts)) out(`  ${one.replace('_', ' ').padEnd(12)} ${n}`);
        if (found.items.length)
          out(
            table(
              ['effect', 'entity', 'why'],
              found.items.map((one) => [one.effect, one.entity_id ?? '', one.detail]),
            ),
          );
        if (found.next_cursor) talk(`More: --cursor '${found.next_cursor}'`);
      });
      if (found.counts['breaks']) process.exitCode = 4;
    });
}
