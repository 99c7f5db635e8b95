import { type Command, Option } from 'commander';
import { CUT_CODES } from '../audit/reason-codes.js';
import { CliError } from './client.js';
import { whole } from './kinds.js';
import { clean, out, table, talk } from './output.js';
import { collect, globals, type Page, path, queryOf, readJson, show } from './shell.js';

interface NamespaceView {
  readonly type: string;
  readonly value: string;
  readonly subdomains?: boolean;
}
interface IssuerView {
  readonly id: string;
  readonly state: string;
  readonly entity_id: string;
  readonly member_state: string;
  readonly kind: string;
  readonly issuer: string;
  readonly jwks_uri: string | null;
  readonly namespaces: readonly NamespaceView[];
  readonly v: number;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, 'issuers', ...more);
const named = ({ type, value, subdomains }: NamespaceView): string => `${type} ${clean(value)}${subdomains ? ' and below' : ''}`;

function describe(one: IssuerView): void {
  out(`${one.id}  ${one.state}: ${clean(one.issuer)} as ${clean(one.kind)}`);
  out(`  member      ${clean(one.entity_id)} (${one.member_state}), version ${one.v}`);
  if (one.jwks_uri !== null) out(`  keys        ${clean(one.jwks_uri)}`);
  for (const [n, space] of one.namespaces.entries()) out(`  ${n === 0 ? 'speaks for  ' : '            '}${named(space)}`);
  if (one.state === 'vouched' && one.member_state !== 'active') talk('It is said to nobody until the member is active.');
}

interface NamespaceOptions {
  readonly email: string[];
  readonly dns: string[];
  readonly tenant: string[];
  readonly spiffe: string[];
  readonly prefix: string[];
  readonly subdomains?: boolean;
  readonly file?: string;
}

/** Options that name namespaces. */
const namespaces = (command: Command): Command =>
  command
    .option('--email <domain>', 'addresses of this domain; repeat for several', collect, [])
    .option('--dns <domain>', 'hosts: this one; repeat for several', collect, [])
    .option('--subdomains', 'of the domains named here those below them too')
    .option('--tenant <id>', 'just this tenant; repeat for several', collect, [])
    .option('--spiffe <trust-domain>', 'workloads of this SPIFFE trust domain; repeat for several', collect, [])
    .option('--prefix <entity-id>', 'this entity, and those whose identifiers go on after it with a "/"; repeat for several', collect, [])
    .option('--file <file>', 'a JSON list: [{"type": "email_domain", "value": "example.org", "subdomains": true}]');

/** The list from the options; undefined when none is named. */
function namespacesFrom({ email, dns, tenant, spiffe, prefix, subdomains, file }: NamespaceOptions): unknown[] | undefined {
  const more = file === undefined ? [] : readJson(file);
  if (!Array.isArray(more)) throw new CliError(2, 'the file is no JSON list; write [{"type": "email_domain", "value": "example.org"}]');
  const of = (type: string, values: readonly string[], below = false) => values.map((value) => ({ type, value, ...(below && { subdomains: true }) }));
  const domains = [...of('email_domain', email, subdomains), ...of('dns_domain', dns, subdomains)];
  if (subdomains && domains.length === 0) throw new CliError(2, '--subdomains goes with --email or --dns');
  const list = [...domains, ...of('tenant', tenant), ...of('spiffe_trust_domain', spiffe), ...of('entity_id_prefix', prefix), ...(more as unknown[])];
  return list.length || file !== undefined ? list : undefined;
}

const SAY = 'say for whom it may speak: --email, --dns, --tenant, --spiffe, --prefix or --file';
const seenOption = ['--seen <version>', 'refuse when the member has another version than this (member show)', whole] as const;

/** `issuer list`, `show`, `add`, `change` and `end`. */
export function issuerCommands(program: Command): void {
  const issuer = program.command('issuer').description('identity providers and platforms that members stand for, and for whom each may speak');
  issuer
    .command('list')
    .description('issuers of members that have not ended')
    .option('--kind <kind>', 'of this kind alone')
    .option('--limit <n>', 'issuers shown, 1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { kind?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const { kind, limit, cursor } = options;
      const page = await client.get<Page<IssuerView>>(`${root(authority)}?${queryOf({ kind, limit, cursor })}`);
      show(json, page, () => {
        if (page.items.length)
          out(
            table(
              ['id', 'kind', 'issuer', 'member', 'state', 'speaks for'],
              page.items.map((one) => [
                one.id,
                clean(one.kind),
                clean(one.issuer),
                clean(one.entity_id),
                one.member_state,
                `${one.namespaces[0] ? named(one.namespaces[0]) : ''}${one.namespaces.length > 1 ? ` and ${one.namespaces.length - 1} more` : ''}`,
              ]),
            ),
          );
        else talk('Nobody stands for an issuer here. Vouch for one: npx holdfast issuer add <member> --kind id_jag --email example.org');
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  issuer
    .command('show <issuer>')
    .description('one issuer, by its id')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<IssuerView>(root(authority, id));
      show(json, one, () => describe(one));
    });
  namespaces(issuer.command('add <member>').description('vouch for an issuer of a member, and say for whom it may speak'))
    .requiredOption('--kind <kind>', 'what it issues: id_jag, workload_grant, attester, or a URI')
    .option('--issuer <url>', 'the issuer, where it is not the member itself')
    .option('--jwks-uri <url>', 'where the keys of such an issuer lie')
    .option(...seenOption)
    .action(async (member: string, options: NamespaceOptions & { kind: string; issuer?: string; jwksUri?: string; seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const list = namespacesFrom(options);
      if (!list) throw new CliError(2, SAY);
      const body = {
        member,
        kind: options.kind,
        ...(options.issuer !== undefined && { issuer: options.issuer }),
        ...(options.jwksUri !== undefined && { jwks_uri: options.jwksUri }),
        namespaces: list,
        ...(options.seen !== undefined && { v: options.seen }),
      };
      const one = await client.send<IssuerView>('POST', root(authority), body);
      show(json, one, () => describe(one));
    });
  namespaces(issuer.command('change <issuer>').description('say all that an issuer may speak for; what is not named is taken away'))
    .option('--jwks-uri <url>', 'where its keys lie')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .option(...seenOption)
    .action(async (id: string, options: NamespaceOptions & { jwksUri?: string; reason?: string; seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const list = namespacesFrom(options);
      if (!list && options.jwksUri === undefined) throw new CliError(2, `nothing to change: ${SAY}, or --jwks-uri`);
      const body = {
        ...(list && { namespaces: list }),
        ...(options.jwksUri !== undefined && { jwks_uri: options.jwksUri }),
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.seen !== undefined && { v: options.seen }),
      };
      const one = await client.send<IssuerView>('PATCH', root(authority, id), body);
      show(json, one, () => describe(one));
    });
  issuer
    .command('end <issuer>')
    .description('end it, at once: the issuer speaks for nobody any more')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .addOption(new Option('--reason-code <code>', 'why, in a word that stays when the reason is erased').choices(CUT_CODES))
    .option(...seenOption)
    .action(async (id: string, options: { reason: string; reasonCode?: string; seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = {
        reason: options.reason,
        ...(options.reasonCode !== undefined && { reason_code: options.reasonCode }),
        ...(options.seen !== undefined && { v: options.seen }),
      };
      const one = await client.send<IssuerView>('POST', root(authority, id, 'end'), body);
      show(json, one, () => describe(one));
    });
}
