import type { Command } from 'commander';
import { timeOrDuration } from './kinds.js';
import { clean, lines, out, table, talk, when } from './output.js';
import { confirm, globals, type Page, path, show } from './shell.js';

interface RoleView {
  readonly id: string;
  readonly role: string;
  readonly authority: string | null;
  readonly granted_by: string;
  readonly second_by: string | null;
  readonly expires_at: number | null;
  readonly ended_at: number | null;
}
interface PersonView {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly state: string;
  readonly roles?: readonly RoleView[];
}

const described = (one: PersonView): string =>
  lines([
    `${one.id}  ${clean(one.name)}  ${one.email === null ? '' : `${clean(one.email)}  `}${one.state}`,
    ...(one.roles ?? []).map(
      (role) =>
        `  ${role.id}  ${role.role} of ${role.authority ?? 'all authorities'}, by ${[role.granted_by, role.second_by].filter(Boolean).join(' and ')}${role.expires_at === null ? '' : `, until ${when(role.expires_at)}`}${role.ended_at === null ? '' : ', ended'}`,
    ),
  ]);

/** `person add`, `list`, `show`, `end`, `grant` and `revoke-role`. */
export function peopleCommands(program: Command): void {
  const person = program.command('person').description('who decides here, and with which roles; nobody is needed where one operator does everything');
  person
    .command('add <name>')
    .description('add a person, who may nothing yet; then person grant and api-key create --person')
    .option('--email <address>', 'where to reach the person')
    .action(async (name: string, { email }: { email?: string }, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<PersonView>('POST', '/people', { name, ...(email !== undefined && { email }) });
      show(json, one, () => out(described(one)));
    });
  person
    .command('list')
    .description('all persons, ended ones included')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const items: PersonView[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Page<PersonView> = await client.get<Page<PersonView>>(`/people?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
        items.push(...page.items);
        cursor = page.next_cursor;
      }
      show(json, { items }, () =>
        out(
          table(
            ['id', 'name', 'email', 'state'],
            items.map((one) => [one.id, one.name, one.email ?? '', one.state]),
          ),
        ),
      );
    });
  person
    .command('show <id>')
    .description('one person, with every role that was ever granted')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.get<PersonView>(path('people', id));
      show(json, one, () => out(described(one)));
    });
  person
    .command('end <id>')
    .description('end a person at once: all keys and roles, and what runs under them')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--yes <id>', 'confirm by repeating the id')
    .action(async (id: string, { reason, yes }: { reason: string; yes?: string }, command: Command) => {
      const { client, json } = globals(command);
      await confirm(id, yes, `This ends the person ${id} for good`);
      const one = await client.send<PersonView>('POST', path('people', id, 'end'), { reason });
      show(json, one, () => talk(`${one.id} is ended, and so are all keys and roles`));
    });
  person
    .command('grant <id> <role>')
    .description('give a person a role: owner, operator, approver, responder or auditor; of the authority chosen, or of all (--of-all)')
    .option('--of-all', 'all authorities, and the deployment itself')
    .option('--expires <time>', 'when it ends: 2027-01-01 (UTC), 2027-01-01T09:00:00+01:00, or how far away: 90d', timeOrDuration)
    .action(async (id: string, role: string, options: { ofAll?: boolean; expires?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const body = { role, authority: options.ofAll ? null : authority, ...(options.expires !== undefined && { expires_at: options.expires }) };
      const one = await client.send<RoleView>('POST', path('people', id, 'roles'), body);
      show(json, one, () => talk(`${one.id}: ${one.role} of ${one.authority ?? 'all authorities'}`));
    });
  person
    .command('revoke-role <id> <grant>')
    .description('take a role away at once; the grants of a person: person show')
    .option('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, grant: string, { reason }: { reason?: string }, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<RoleView>('POST', path('people', id, 'roles', grant, 'end'), { ...(reason !== undefined && { reason }) });
      show(json, one, () => talk(`${one.id} is ended: ${one.role} of ${one.authority ?? 'all authorities'}`));
    });
}
