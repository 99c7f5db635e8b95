import type { Command } from 'commander';
import { CliError } from './client.js';
import { whole } from './kinds.js';
import { base } from './member-view.js';
import { clean, jsonLines, out, table, talk, talkFindings } from './output.js';
import { collect, globals, readJson, show } from './shell.js';

export interface EntitlementView {
  readonly kind: string;
  readonly value: string;
  readonly template?: object;
}
interface MemberEntitlements {
  readonly entity_id: string;
  readonly entitlements: readonly EntitlementView[] | null;
  readonly bundles: readonly string[];
  readonly effective: readonly EntitlementView[] | null;
  readonly entitlement_version: number;
  readonly v: number;
  readonly preview?: { readonly before: object | null; readonly after: object | null; readonly widens: boolean };
  readonly findings?: Parameters<typeof talkFindings>[0];
}

export interface ListOptions {
  readonly scope: string[];
  readonly resource: string[];
  readonly grantType: string[];
  readonly details: string[];
  readonly file?: string;
}

/** Options that name entitlements. */
export const listOptions = (command: Command): Command =>
  command
    .option('--scope <scope>', 'a scope; repeat for several', collect, [])
    .option('--resource <uri>', 'a resource, such as the URL of an MCP server; repeat for several', collect, [])
    .option('--details <type>', 'a type of authorization details, whatever they say; with templates: --file; repeat for several', collect, [])
    .option('--grant-type <type>', 'a grant type; where one is named no other is left; repeat for several', collect, [])
    .option(
      '--file <file>',
      'a JSON list of entitlements: [{"kind": "authorization_details_type", "value": "payment", "template": {"actions": ["initiate"]}}]',
    );

/** The list from the options; undefined when none is named. */
export function listFrom({ scope, resource, grantType, details, file }: ListOptions): unknown[] | undefined {
  const more = file === undefined ? [] : readJson(file);
  if (!Array.isArray(more)) throw new CliError(2, 'the file is no JSON list; write [{"kind": "scope", "value": "read"}]');
  const of = (kind: string, values: readonly string[]) => values.map((value) => ({ kind, value }));
  const list = [
    ...of('scope', scope),
    ...of('resource', resource),
    ...of('authorization_details_type', details),
    ...of('grant_type', grantType),
    ...(more as unknown[]),
  ];
  return list.length || file !== undefined ? list : undefined;
}

export const showList = (list: readonly EntitlementView[]): void =>
  list.length
    ? out(
        table(
          ['kind', 'value', 'template'],
          list.map((one) => [one.kind, clean(one.value), one.template ? JSON.stringify(one.template) : '—']),
        ),
      )
    : out('nothing at all');

function describe(one: MemberEntitlements): void {
  out(`${clean(one.entity_id)}  entitlement version ${one.entitlement_version}, version ${one.v}`);
  if (one.effective === null) out('Nothing limits what it may ask for.');
  else showList(one.effective);
  if (one.bundles.length) out(`of which the bundles give theirs: ${one.bundles.join(', ')}`);
  if (one.preview) {
    const { before, after, widens } = one.preview;
    out(`its metadata as a client before ${jsonLines(before)}`);
    out(after ? `after ${jsonLines(after)}` : 'after: it breaks');
    talk(widens ? 'This widens: with quorum 2 it takes two persons.' : 'This only narrows.');
  }
  talkFindings(one.findings);
}

interface ChangeOptions extends ListOptions {
  readonly bundle: string[];
  readonly unlimited?: boolean;
  readonly seen?: number;
}

async function send(command: Command, method: 'PUT' | 'PATCH', id: string, body: object, { seen }: ChangeOptions): Promise<void> {
  const { client, authority, json } = globals(command);
  const asked = { ...body, ...(seen !== undefined && { v: seen }) };
  const one = await client.send<MemberEntitlements>(method, base(authority, id, 'entitlements'), asked);
  show(json, one, () => describe(one));
  if (one.preview && one.preview.after === null && one.preview.before !== null) process.exitCode = 4;
}

const changing = (command: Command): Command =>
  listOptions(command)
    .option('--bundle <name>', 'a bundle of entitlements; repeat for several', collect, [])
    .option('--seen <version>', 'refuse when the member has another version than this (member show)', whole);

/** `entitlement list`, `set`, `add` and `remove`. */
export function entitlementCommands(program: Command): void {
  const entitlement = program.command('entitlement').description('what members may ask for as clients: scopes, resources, authorization details, grant types');
  entitlement
    .command('list <member>')
    .description('what a member may ask for, with what its bundles give')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.get<MemberEntitlements>(base(authority, id, 'entitlements'));
      show(json, one, () => describe(one));
    });
  changing(entitlement.command('set <member>').description('say all that it may ask for; what is not named is taken away'))
    .option('--unlimited', 'nothing limits it but its bundles; without one, nothing')
    .action((id: string, options: ChangeOptions, command: Command) => {
      const list = listFrom(options);
      if (options.unlimited && list) throw new CliError(2, 'give entitlements or --unlimited, not both');
      if (!options.unlimited && !list && options.bundle.length === 0)
        throw new CliError(
          2,
          'say what: --scope, --resource, --details, --grant-type, --file or --bundle. To give nothing at all: --file with []; to limit nothing: --unlimited',
        );
      return send(command, 'PUT', id, { entitlements: options.unlimited ? null : (list ?? null), bundles: options.bundle }, options);
    });
  for (const [name, text] of [
    ['add', 'give it more, beside what it has'],
    ['remove', 'take some away; who loses the last of it may ask for nothing'],
  ] as const)
    changing(entitlement.command(`${name} <member>`).description(text)).action((id: string, options: ChangeOptions, command: Command) => {
      const list = listFrom(options);
      if (!list && options.bundle.length === 0) throw new CliError(2, `say what to ${name}: --scope, --resource, --details, --grant-type, --file or --bundle`);
      return send(
        command,
        'PATCH',
        id,
        { [name]: { ...(list && { entitlements: list }), ...(options.bundle.length && { bundles: options.bundle }) } },
        options,
      );
    });
}
