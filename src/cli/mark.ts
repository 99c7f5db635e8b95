import type { Command } from 'commander';
import { inspectStatement } from './inspect.js';
import { timeOrDuration } from './kinds.js';
import { markTypeCommands } from './mark-type.js';
import { clean, dim, green, out, red, table, talk, when } from './output.js';
import { globals, type Page, path, readInput, show } from './shell.js';

interface GrantView {
  readonly id: string;
  readonly trust_mark_type: string;
  readonly entity_id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly jti: string | null;
  readonly exp: number | null;
  readonly trust_mark?: string;
}
interface IssuedView {
  readonly jti: string;
  readonly entity_id: string;
  readonly iat: number;
  readonly exp: number | null;
  readonly revoked_at: number | null;
  readonly reason: string | null;
  readonly trust_mark: string;
}
interface OwnView {
  readonly trust_mark_type: string;
  readonly iss: string;
  readonly exp: number | null;
  readonly checked_at: number;
  readonly problem: string | null;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, ...more);
const until = (exp: number | null) => (exp === null ? 'no end' : when(exp));

export function markCommands(program: Command): void {
  const mark = program.command('mark').description('trust marks: types, grants, withdrawal, delegation');
  markTypeCommands(mark.command('type').description('types this authority issues, recognizes or owns'));
  grantCommands(mark);
  ownCommands(mark.command('own').description('marks that others issued to this authority, shown in its configuration'));
}

function grantCommands(mark: Command): void {
  const describe = (one: GrantView) => {
    out(`${one.id}  ${clean(one.entity_id)}  ${one.state === 'active' ? green('active') : red(one.state)}${one.reason ? ` (${clean(one.reason)})` : ''}`);
    out(`  type  ${clean(one.trust_mark_type)}`);
    if (one.jti) out(`  mark  ${one.jti}, ${one.exp === null ? 'no end' : `until ${when(one.exp)}`}`);
  };
  mark
    .command('list')
    .description('grants with the mark in force')
    .option('--type <type>', 'of this type')
    .option('--member <entity-id>', 'of this member')
    .option('--state <state>', 'active or revoked')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { type?: string; member?: string; state?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit: options.limit });
      for (const [name, value] of [
        ['trust_mark_type', options.type],
        ['member', options.member],
        ['state', options.state],
        ['cursor', options.cursor],
      ] as const)
        if (value !== undefined) query.set(name, value);
      const page = await client.get<Page<GrantView>>(`${root(authority, 'marks')}?${query}`);
      show(json, page, () => {
        if (page.items.length === 0) talk('No marks are granted. Grant one: npx holdfast mark grant <type> <member>');
        else
          out(
            table(
              ['grant', 'state', 'entity', 'type', 'mark until'],
              page.items.map((one) => [one.id, one.state, one.entity_id, one.trust_mark_type, one.jti === null ? '—' : until(one.exp)]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor ${page.next_cursor}`);
      });
    });
  mark
    .command('grant <type> <member>')
    .description('grant a mark to an active member and publish it')
    .option('--member-of <slug>', 'the authority whose member it is, when it is another one')
    .option('--accreditation <id>', 'of the member or its organization: the mark ends with it, and is withdrawn with it')
    .option('--valid-until <time>', 'no mark outlives it: 2027-01-01 (UTC), 2027-01-01T09:00:00+01:00, or how far away: 90d', timeOrDuration)
    .action(async (type: string, member: string, options: { memberOf?: string; validUntil?: number; accreditation?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<GrantView>('POST', root(authority, 'marks'), {
        trust_mark_type: type,
        member,
        ...(options.memberOf !== undefined && { member_of: options.memberOf }),
        ...(options.validUntil !== undefined && { valid_until: options.validUntil }),
        ...(options.accreditation !== undefined && { accreditation: options.accreditation }),
      });
      show(json, one, () => {
        describe(one);
        if (one.trust_mark) inspectStatement(one.trust_mark);
      });
    });
  mark
    .command('withdraw <grant>')
    .description('withdraw a grant: its marks turn to revoked at once')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, options: { reason: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<GrantView>('POST', root(authority, 'marks', id, 'withdraw'), { reason: options.reason });
      show(json, one, () => {
        describe(one);
        if (one.reason !== options.reason.trim()) talk('It was withdrawn before, and that reason stays; yours stands in the audit trail.');
      });
    });
  mark
    .command('withdraw-instance <jti>')
    .description('withdraw one issued mark; a fresh one takes its place while the grant stands')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(async (jti: string, options: { reason: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<IssuedView>('POST', root(authority, 'issued-marks', jti, 'withdraw'), { reason: options.reason });
      show(json, one, () => talk(`${one.jti} is revoked`));
    });
  mark
    .command('issued <grant>')
    .description('marks issued from a grant, newest first')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<IssuedView>>(root(authority, 'marks', id, 'issued'));
      show(json, page, () =>
        out(
          table(
            ['jti', 'issued', 'until', ''],
            page.items.map((one) => [one.jti, when(one.iat), until(one.exp), one.revoked_at === null ? '' : `revoked: ${one.reason ?? ''}`]),
          ),
        ),
      );
    });
  mark
    .command('show <type> <entity-id>')
    .description('the mark of a type that an entity bears now')
    .action(async (type: string, entityId: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<IssuedView>(`${root(authority, 'marks', 'current')}?${new URLSearchParams({ trust_mark_type: type, sub: entityId })}`);
      show(json, one, () => inspectStatement(one.trust_mark));
    });
}

function ownCommands(own: Command): void {
  own
    .command('list')
    .description('marks shown now, and what the last look at their issuers found')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<OwnView>>(root(authority, 'own-marks'));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['type', 'issuer', 'until', 'checked', 'problem'],
                page.items.map((one) => [one.trust_mark_type, one.iss, when(one.exp), when(one.checked_at), one.problem ?? '']),
              ),
            )
          : talk('The configuration shows no marks of others.'),
      );
    });
  own
    .command('show <file>')
    .description('show a mark (a compact JWT in a file, or -) in the configuration; it is refreshed from its issuer')
    .action(async (file: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<OwnView>('POST', root(authority, 'own-marks'), { trust_mark: readInput(file).trim() });
      show(json, one, () => out(`${clean(one.trust_mark_type)} of ${clean(one.iss)} ${dim(`until ${when(one.exp)}`)}`));
    });
  own
    .command('hide <type>')
    .description('take it out')
    .option('--iss <entity-id>', 'its issuer, when marks of several are shown')
    .action(async (type: string, options: { iss?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<object>('POST', root(authority, 'own-marks', 'hide'), {
        trust_mark_type: type,
        ...(options.iss !== undefined && { iss: options.iss }),
      });
      show(json, one, () => talk('hidden'));
    });
}
