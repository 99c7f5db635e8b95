import type { Command } from 'commander';
import { type Finding, PROFILES } from '../federation/entry.js';
import { admissionCommand } from './authority-admission.js';
import { bindingCommand } from './authority-binding.js';
import { haltCommands } from './halt.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { duration, durationOr, onOff, whole } from './kinds.js';
import { type AuthorityView, describeAuthority, headLine, type ShownAuthority } from './authority-view.js';
import { green, out, showFindings, table } from './output.js';
import { collect, globals, type Page, path, readJson, show } from './shell.js';

interface Settings {
  readonly organizationName?: string;
  readonly hint?: string[];
  readonly configurationLifetime?: number;
  readonly statementLifetime?: number;
  readonly metadata?: string;
  readonly claims?: string;
  readonly keyRotation?: number | 'off';
  readonly clientAuth?: string;
  readonly ecLocation?: string;
  readonly subordinateEvents?: boolean;
  readonly collection?: boolean;
}

function settings(options: Settings): Record<string, unknown> {
  return {
    ...(options.organizationName !== undefined && { organization_name: options.organizationName || null }),
    ...(options.hint?.length && { authority_hints: options.hint.filter(Boolean) }),
    ...(options.configurationLifetime !== undefined && { configuration_lifetime: options.configurationLifetime }),
    ...(options.statementLifetime !== undefined && { statement_lifetime: options.statementLifetime }),
    ...(options.keyRotation !== undefined && { key_rotation: options.keyRotation === 'off' ? null : options.keyRotation }),
    ...(options.metadata !== undefined && { metadata: readJson(options.metadata) }),
    ...(options.claims !== undefined && { claims: readJson(options.claims) }),
    ...(options.ecLocation !== undefined && { ec_location: options.ecLocation }),
    ...(options.subordinateEvents !== undefined && { subordinate_events: options.subordinateEvents }),
    ...(options.collection !== undefined && { entity_collection: options.collection }),
    ...(options.clientAuth !== undefined && { client_auth: Object.fromEntries(options.clientAuth.split(',').map((one) => one.split('='))) }),
  };
}

const withSettings = (command: Command): Command =>
  command
    .option('--organization-name <name>', 'its name as it stands in the configuration, for people; "" takes it out')
    .option('--hint <entity-id>', 'a superior; repeat for several', collect, [])
    .option('--configuration-lifetime <duration>', 'of the entity configuration: 1h, 1d, or seconds', duration)
    .option('--statement-lifetime <duration>', 'of statements about members: 1h, 1d, or seconds', duration)
    .option('--key-rotation <duration|off>', 'rotate the signing key this often: 90d, or seconds; off: by hand', durationOr('off'))
    .option('--metadata <file>', 'JSON')
    .option('--claims <file>', 'further claims of the configuration, such as trust_mark_issuers (JSON)')
    .option('--ec-location <needed|always>', 'whether every statement says where the configuration lies')
    .option('--subordinate-events <on|off>', 'whether it publishes what became of each subordinate, also of those that were cut off', onOff)
    .option('--collection <on|off>', 'whether it publishes whom it knows to be in force, its members and whoever is below them, with their names', onOff)
    .option('--client-auth <list>', 'e.g. fetch=optional,list=required');

export function authorityCommands(program: Command): void {
  const authority = program.command('authority').description('the entities this deployment operates');
  authority
    .command('list')
    .description('all authorities')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const page = await client.get<Page<AuthorityView>>('/authorities');
      show(json, page, () =>
        out(
          table(
            ['slug', 'entity identifier', 'state'],
            page.items.map((one) => [one.slug, one.entity_id, one.state]),
          ),
        ),
      );
    });
  authority
    .command('show [slug]')
    .description('one authority: settings, superiors, keys, policy in force, until when it is published, members')
    .action(async (slug: string | undefined, _options: object, command: Command) => {
      const { client, json, authority: chosen } = globals(command);
      const one = await client.get<ShownAuthority>(path('authorities', slug ?? chosen));
      show(json, one, () => describeAuthority(one));
    });
  authority
    .command('check [slug]')
    .description('check an authority against a profile: what it publishes and how it is run; changes nothing')
    .option('--profile <name>', Object.keys(PROFILES).join(', '), 'base')
    .action(async (slug: string | undefined, options: { profile: string }, command: Command) => {
      const { client, json, authority: chosen } = globals(command);
      const report = await client.get<{ ok: boolean; findings: readonly (Finding & { severity: string })[] }>(
        `${path('authorities', slug ?? chosen, 'check')}?profile=${encodeURIComponent(options.profile)}`,
      );
      show(json, report, () => out(report.findings.length ? showFindings(report.findings) : green('no findings')));
      if (!report.ok) process.exitCode = 4;
    });
  haltCommands(authority);
  bindingCommand(authority);
  admissionCommand(authority);
  withSettings(
    authority
      .command('create <slug>')
      .description('make an authority with its first key')
      .requiredOption('--entity-id <entity-id>', 'its entity identifier')
      .option('--alg <alg>', 'of its keys', 'ES256'),
  ).action(async (slug: string, options: Settings & { entityId: string; alg: string }, command: Command) => {
    const { client, json } = globals(command);
    const one = await client.send<AuthorityView>('POST', '/authorities', { slug, entity_id: options.entityId, key_alg: options.alg, ...settings(options) });
    show(json, one, () => out(headLine(one)));
  });
  withSettings(authority.command('change <slug>').description('change settings'))
    .option('--seen <version>', 'refuse when the authority has another version than this (authority show)', whole)
    .action(async (slug: string, options: Settings & { seen?: number }, command: Command) => {
      const { client, json } = globals(command);
      const body = settings(options);
      if (Object.keys(body).length === 0) throw new CliError(EXIT.usage, 'nothing to change: say what, such as --organization-name or --key-rotation 90d');
      const v = options.seen === undefined ? {} : { v: options.seen };
      const one = await client.send<AuthorityView>('PATCH', path('authorities', slug), { ...body, ...v });
      show(json, one, () => out(headLine(one)));
    });
}
