import type { Command } from 'commander';
import { duration } from './kinds.js';
import { clean, green, out, showFindings, table, talk, when, yellow } from './output.js';
import { collect, globals, type Page, path, queryOf, show } from './shell.js';

interface StatementView {
  readonly jti: string;
  readonly state: string;
  readonly entity_id: string | null;
  readonly audience: readonly string[] | null;
  readonly software_id: string | null;
  readonly software_version: string | null;
  readonly scope: string;
  readonly keys: readonly string[];
  readonly created_at: number;
  readonly exp: number;
  readonly software_statement?: string;
  readonly findings?: readonly never[];
  readonly already?: boolean;
}
interface TokenView {
  readonly jti: string;
  readonly state: string;
  readonly entity_id: string | null;
  readonly audience: string;
  readonly key: string;
  readonly format: string;
  readonly exp: number;
  readonly initial_access_token?: string;
  readonly findings?: readonly never[];
  readonly already?: boolean;
}
interface ClientView {
  readonly server: string;
  readonly client_id: string;
  readonly entity_id: string | null;
  readonly member_state: string | null;
  readonly method: string;
  readonly registered_at: number;
  readonly ended_at: number | null;
}

const colored = (state: string): string => (state === 'valid' || state === 'active' ? green(state) : yellow(state));
const LIFETIME = 'how long it is good, 1m to 24h; left out: one hour';
/** More words than one, as the shell gives them. */
const given = (body: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)));

interface ListOptions {
  readonly member?: string;
  readonly limit: string;
  readonly cursor?: string;
}
const listing = (command: Command): Command =>
  command
    .option('--member <entity-id>', 'of this member alone')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended');

interface StatementOptions {
  readonly audience: string[];
  readonly softwareId?: string;
  readonly softwareVersion?: string;
  readonly scope?: string;
  readonly redirectUri: string[];
  readonly grantType: string[];
  readonly responseType: string[];
  readonly detailsType: string[];
  readonly resource: string[];
  readonly key: string[];
  readonly lifetime?: number;
}

function describeStatement(one: StatementView): void {
  out(`${one.jti}  ${colored(one.state)} until ${when(one.exp)}`);
  out(`  member      ${clean(one.entity_id ?? '—')}`);
  out(`  for         ${one.audience ? one.audience.map(clean).join(', ') : 'whoever accepts the authority'}`);
  if (one.software_id !== null) out(`  software    ${clean(one.software_id)}${one.software_version === null ? '' : ` ${clean(one.software_version)}`}`);
  out(`  scope       ${clean(one.scope)}`);
  out(`  keys        ${one.keys.map(clean).join(', ')}`);
}

/** `software-statement issue`, `list`, `show` and `revoke`. */
function statementCommands(program: Command): void {
  const statement = program.command('software-statement').description('what authorization servers register members by (RFC 7591 §2.3)');
  const root = (authority: string, ...more: string[]) => path('authorities', authority, 'software-statements', ...more);
  statement
    .command('issue <entity-id>')
    .description('sign what a member in force is as a client, or a part of that; prints the JWT')
    .option('--audience <url>', 'the issuer of an authorization server it is for; repeat for several; left out: whoever accepts the authority', collect, [])
    .option('--software-id <id>', 'of the product')
    .option('--software-version <text>', 'of the product; a build of an agent is one')
    .option('--scope <scopes>', 'of what it is entitled to just these, with a space between each')
    .option('--redirect-uri <url>', 'of its redirect_uris just this; repeat for several', collect, [])
    .option('--grant-type <type>', 'of its grant_types just this; repeat for several', collect, [])
    .option('--response-type <type>', 'of its response_types just this; repeat for several', collect, [])
    .option('--details-type <type>', 'of its types of authorization details just this; repeat for several', collect, [])
    .option('--resource <url>', 'of the resources it may ask for just this; repeat for several', collect, [])
    .option('--key <kid>', 'of its keys just this, by kid or thumbprint; repeat for several', collect, [])
    .option('--lifetime <duration>', LIFETIME, duration)
    .action(async (id: string, options: StatementOptions, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = given({
        audience: options.audience,
        software_id: options.softwareId,
        software_version: options.softwareVersion,
        scope: options.scope,
        redirect_uris: options.redirectUri,
        grant_types: options.grantType,
        response_types: options.responseType,
        authorization_details_types: options.detailsType,
        allowed_resources: options.resource,
        kids: options.key,
        lifetime: options.lifetime,
      });
      const one = await client.send<StatementView>('POST', path('authorities', authority, 'members', id, 'software-statements'), body);
      show(json, one, () => {
        if (one.software_statement === undefined) return describeStatement(one);
        out(one.software_statement);
        talk(`${one.jti}: ${clean(one.scope)}, until ${when(one.exp)}`);
        if (one.findings?.length) talk(showFindings(one.findings));
      });
    });
  listing(statement.command('list').description('software statements, newest first; ended ones for 30 days')).action(
    async (options: ListOptions, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<StatementView>>(`${root(authority)}?${queryOf({ ...options })}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No software statements. Issue one: npx holdfast software-statement issue <entity-id>');
        else
          out(
            table(
              ['jti', 'member', 'state', 'scope', 'until'],
              page.items.map((one) => [one.jti, clean(one.entity_id ?? '—'), colored(one.state), clean(one.scope), when(one.exp)]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    },
  );
  statement
    .command('show <jti>')
    .description('one software statement: what it says, and whether it is good')
    .action(async (jti: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<StatementView>(root(authority, jti));
      show(json, one, () => describeStatement(one));
    });
  statement
    .command('revoke <jti>')
    .description('end it: nobody registers with it any more; whoever has stays a client')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (jti: string, options: { reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<StatementView>('POST', root(authority, jti, 'revoke'), given({ reason: options.reason }));
      show(json, one, () => {
        describeStatement(one);
        if (one.already) talk('It was revoked before.');
      });
    });
}

interface TokenOptions {
  readonly audience: string;
  readonly key: string;
  readonly statement?: string;
  readonly opaque?: boolean;
  readonly lifetime?: number;
}

/** `initial-access-token issue`, `list` and `revoke`. */
function tokenCommands(program: Command): void {
  const token = program.command('initial-access-token').description('leave to register once, at one server, by one key (RFC 7591 §3)');
  const root = (authority: string, ...more: string[]) => path('authorities', authority, 'initial-access-tokens', ...more);
  token
    .command('issue <entity-id>')
    .description('make one for a member in force; prints it, once')
    .requiredOption('--audience <url>', 'the issuer of the authorization server it is for')
    .requiredOption('--key <kid>', 'the key of the client that will sign the registration, by kid or thumbprint')
    .option('--statement <jti>', 'good with this software statement alone')
    .option('--opaque', 'for a server that asks about tokens (RFC 7662)')
    .option('--lifetime <duration>', LIFETIME, duration)
    .action(async (id: string, options: TokenOptions, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = given({
        audience: options.audience,
        kid: options.key,
        software_statement_jti: options.statement,
        format: options.opaque ? 'opaque' : undefined,
        lifetime: options.lifetime,
      });
      const one = await client.send<TokenView>('POST', path('authorities', authority, 'members', id, 'initial-access-tokens'), body);
      show(json, one, () => {
        if (one.initial_access_token !== undefined) out(one.initial_access_token);
        talk(
          `${one.jti}: ${one.initial_access_token === undefined ? '' : 'shown once; '}for one registration at ${clean(one.audience)}, signed by ${clean(one.key)}, until ${when(one.exp)}`,
        );
        if (one.findings?.length) talk(showFindings(one.findings));
      });
    });
  listing(token.command('list').description('initial access tokens, newest first; never the tokens themselves')).action(
    async (options: ListOptions, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<TokenView>>(`${root(authority)}?${queryOf({ ...options })}`);
      show(json, page, () => {
        if (page.items.length === 0)
          talk('No initial access tokens. Make one: npx holdfast initial-access-token issue <entity-id> --audience <url> --key <kid>');
        else
          out(
            table(
              ['jti', 'member', 'for', 'state', 'until'],
              page.items.map((one) => [one.jti, clean(one.entity_id ?? '—'), clean(one.audience), colored(one.state), when(one.exp)]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    },
  );
  token
    .command('revoke <jti>')
    .description('end it: nobody registers with it any more')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (jti: string, options: { reason?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TokenView>('POST', root(authority, jti, 'revoke'), given({ reason: options.reason }));
      show(json, one, () => {
        out(`${one.jti}  ${colored(one.state)}: ${clean(one.entity_id ?? '—')} at ${clean(one.audience)}`);
        if (one.already) talk('It was revoked before.');
      });
    });
}

/** `software-statement`, `initial-access-token` and `registration`. */
export function registeringCommands(program: Command): void {
  statementCommands(program);
  tokenCommands(program);
  const registration = program.command('registration').description('clients that authorization servers reported');
  listing(registration.command('list').description('who holds what: clients of members at authorization servers, newest first'))
    .option('--server <url>', 'of this authorization server alone')
    .action(async (options: ListOptions & { readonly server?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<ClientView>>(`${path('authorities', authority, 'registrations')}?${queryOf({ ...options })}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No authorization server has reported a client.');
        else
          out(
            table(
              ['server', 'client', 'member', 'state', 'how', 'since'],
              page.items.map((one) => [
                clean(one.server),
                clean(one.client_id),
                clean(one.entity_id ?? '—'),
                one.ended_at === null ? colored(one.member_state ?? 'gone') : 'ended',
                one.method,
                when(one.registered_at),
              ]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
}
