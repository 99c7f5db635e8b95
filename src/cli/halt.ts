import type { Command } from 'commander';
import { clean, green, lines, out, red, table, talk, when } from './output.js';
import { confirm, globals, type Page, path, show } from './shell.js';

const REASON = ['--reason <text>', 'why; it stands in the audit trail'] as const;
const state = (text: string) => (text === 'active' ? green(text) : red(text));
const n = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

interface AuthorityMoved {
  readonly slug: string;
  readonly entity_id: string;
  readonly state: string;
  readonly already?: boolean;
}
interface AuthorityReach {
  readonly members: number;
  readonly marks: number;
  readonly answers_elsewhere: number;
  readonly member_of: readonly string[];
  readonly last_copy_until: number | null;
  readonly at_least: readonly string[];
}

const least = (of: AuthorityReach, name: 'members' | 'marks' | 'answers_elsewhere', one: string): string =>
  `${of.at_least.includes(name) ? 'at least ' : ''}${n(of[name], one)}`;
const reached = (slug: string, of: AuthorityReach): string =>
  lines([
    `${slug}: ${least(of, 'members', 'active member')}, ${least(of, 'marks', 'mark')}, ${least(of, 'answers_elsewhere', 'answer')} of other authorities here rest on it`,
    ...(of.member_of.length ? [`it is suspended as a member of ${of.member_of.join(', ')}`] : []),
    ...(of.last_copy_until === null ? [] : [`copies that others have fetched verify until ${when(of.last_copy_until)}`]),
  ]);

/** `authority halt`, `resume`, `retire` and `quorum`. */
export function haltCommands(authority: Command): void {
  authority
    .command('quorum <slug> <n>')
    .description('how many persons it takes to widen trust: 1 or 2; lowering it takes two')
    .action(async (slug: string, n: string, _options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.send<{ slug: string; quorum: number }>('PUT', path('authorities', slug, 'quorum'), { quorum: Number(n) });
      show(json, one, () => talk(`${one.slug}: quorum ${one.quorum}`));
    });
  const move = async (verb: string, slug: string, reason: string, command: Command): Promise<void> => {
    const { client, json } = globals(command);
    const one = await client.send<AuthorityMoved>('POST', path('authorities', slug, verb), { reason });
    show(json, one, () => {
      talk(one.already ? `already_${one.state}` : `${one.slug} is ${one.state} now`);
      out(`${one.slug}  ${one.entity_id}  ${state(one.state)}`);
    });
    if (verb === 'resume' && !one.already) talk('Everything is signed anew; what has not been yet answers 503. Progress: npx holdfast job list');
  };
  for (const [verb, about, what] of [
    ['halt', 'stop everything of an authority at once; shows first what that reaches', 'This halts the authority'],
    ['retire', 'end an authority for good; only its historical keys are served from then on', 'This retires the authority for good; it cannot be undone:'],
  ] as const)
    authority
      .command(`${verb} <slug>`)
      .description(about)
      .requiredOption(...REASON)
      .option('--yes <slug>', 'confirm by repeating the slug')
      .action(async (slug: string, options: { reason: string; yes?: string }, command: Command) => {
        const { client } = globals(command);
        // In an emergency nothing is counted first.
        if (options.yes !== slug) talk(reached(slug, await client.get<AuthorityReach>(path('authorities', slug, 'reach'))));
        await confirm(slug, options.yes, `${what} ${slug}`);
        await move(verb, slug, options.reason, command);
      });
  authority
    .command('resume <slug>')
    .description('bring a halted authority back; it signs everything anew, and members keep their states')
    .requiredOption(...REASON)
    .action((slug: string, options: { reason: string }, command: Command) => move('resume', slug, options.reason, command));
}

interface OrganizationMove {
  readonly reason: string;
  readonly publicReason?: string;
}
interface OrganizationView {
  readonly id: string;
  readonly legal_name: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly created_at: number;
  readonly registration_number: string | null;
  readonly jurisdiction: string | null;
}

interface Registered {
  readonly registrationNumber?: string;
  readonly jurisdiction?: string;
}
const NUMBER = ['--registration-number <registration>', 'in a public register; by it the organization is halted everywhere in one act'] as const;
const JURISDICTION = ['--jurisdiction <code>', 'whose register, by ISO 3166: SE, US-DE'] as const;
const registered = ({ registrationNumber, jurisdiction }: Registered) => ({
  ...(registrationNumber !== undefined && { registration_number: registrationNumber }),
  ...(jurisdiction !== undefined && { jurisdiction }),
});

const base = (authority: string, ...more: string[]) => path('authorities', authority, 'organizations', ...more);

/** `organization list`, `show`, `halt` and `resume`. */
export function organizationCommands(program: Command): void {
  const organization = program.command('organization').description('the legal bodies behind members');
  organization
    .command('list')
    .description('search organizations')
    .option('--query <text>', 'part of the name')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { query?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const query = new URLSearchParams({
        limit: options.limit,
        ...(options.query !== undefined && { q: options.query }),
        ...(options.cursor !== undefined && { cursor: options.cursor }),
      });
      const page = await client.get<Page<OrganizationView>>(`${base(authority)}?${query}`);
      show(json, page, () => {
        if (page.items.length === 0)
          talk('No organization matches. One is made with its first member: npx holdfast member enroll <entity-id> --organization <name>');
        else
          out(
            table(
              ['state', 'id', 'name', 'since'],
              page.items.map((one) => [one.state, one.id, one.legal_name, when(one.created_at)]),
            ),
          );
        if (page.next_cursor) talk(`More: --cursor '${page.next_cursor}'`);
      });
    });
  organization
    .command('show <id>')
    .description('one organization, by id or legal name, with its members counted')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.get<OrganizationView & { members: Record<string, number>; at_least: boolean }>(base(authority, id));
      show(json, one, () => {
        out(`${clean(one.legal_name)}  ${state(one.state)}`);
        out(`  id       ${one.id}`);
        if (one.state_reason) out(`  reason   ${clean(one.state_reason)}`);
        if (one.registration_number) out(`  number   ${clean(one.registration_number)} (${one.jurisdiction})`);
        out(
          `  members  ${one.at_least ? 'at least ' : ''}${
            Object.entries(one.members)
              .map(([of, count]) => `${count} ${of}`)
              .join(', ') || 'none'
          }`,
        );
      });
    });
  const named = (one: OrganizationView) => out(`${one.id}  ${clean(one.legal_name)}  ${state(one.state)}`);
  organization
    .command('create <name>')
    .description('make an organization before its first member')
    .option(...NUMBER)
    .option(...JURISDICTION)
    .action(async (name: string, options: Registered, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<OrganizationView>('POST', base(authority), { legal_name: name, ...registered(options) });
      show(json, one, () => named(one));
    });
  organization
    .command('change <id>')
    .description('give an organization another legal name, or say where it is registered; its members stay its members')
    .option('--name <name>', 'its legal name from now on')
    .option(...NUMBER)
    .option(...JURISDICTION)
    .action(async (id: string, { name, ...options }: Registered & { name?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<OrganizationView>('PATCH', base(authority, id), {
        ...(name !== undefined && { legal_name: name }),
        ...registered(options),
      });
      show(json, one, () => named(one));
    });
  const move = async (verb: string, id: string, { reason, publicReason }: OrganizationMove, command: Command): Promise<void> => {
    const { client, authority, json } = globals(command);
    const body = { reason, ...(publicReason !== undefined && { public_reason: publicReason }) };
    const one = await client.send<OrganizationView & { members: number; already?: boolean }>('POST', base(authority, id, verb), body);
    const did = verb === 'halt' ? 'suspended' : 'brought back';
    show(json, one, () => talk(one.already ? `already_${one.state}` : `${clean(one.legal_name)} is ${one.state} now: ${n(one.members, 'member')} ${did}`));
  };
  organization
    .command('halt <id>')
    .description('suspend all its active members here at once; shows first how many')
    .requiredOption(...REASON)
    .option('--public-reason <text>', 'told to anyone, where the authority publishes what became of its subordinates')
    .option('--yes <id>', 'confirm by repeating the id or name')
    .action(async (id: string, options: OrganizationMove & { yes?: string }, command: Command) => {
      const { client, authority } = globals(command);
      if (options.yes !== id) {
        const of = await client.get<{ members: number; marks: number; at_least: boolean }>(base(authority, id, 'reach'));
        talk(`${id}: ${of.at_least ? 'at least ' : ''}${n(of.members, 'active member')}, ${n(of.marks, 'mark')}`);
      }
      await confirm(id, options.yes, `This suspends every active member of ${id}`);
      await move('halt', id, options, command);
    });
  organization
    .command('resume <id>')
    .description('take it back, with the members that its halt suspended')
    .requiredOption(...REASON)
    .action((id: string, options: { reason: string }, command: Command) => move('resume', id, options, command));
}
