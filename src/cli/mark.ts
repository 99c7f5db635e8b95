import type { Command } from 'commander';
import { inspectStatement } from './inspect.js';
import { duration, durationOr, timeOrDuration } from './kinds.js';
import { clean, dim, green, jsonLines, out, red, table, talk, talkFindings, when } from './output.js';
import { collect, confirm, globals, type Page, path, readInput, readJson, show } from './shell.js';

interface TypeView {
  readonly trust_mark_type: string;
  readonly state: string;
  readonly lifetime: number | null;
  readonly delegated: boolean;
  readonly delegated_until: number | null;
  readonly withdrawn?: number;
}
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
const days = (seconds: number | null) => (seconds === null ? 'no end' : seconds % 86_400 === 0 ? `${seconds / 86_400} d` : `${seconds} s`);

export function markCommands(program: Command): void {
  const mark = program.command('mark').description('trust marks: types, grants, withdrawal, delegation');
  typeCommands(mark.command('type').description('types this authority issues, recognizes or owns'));
  grantCommands(mark);
  ownCommands(mark.command('own').description('marks that others issued to this authority, shown in its configuration'));
}

const typeSettings = (command: Command): Command =>
  command
    .option('--logo <uri>', 'a picture of the mark')
    .option('--ref <uri>', 'what the mark means, for people')
    .option(
      '--lifetime <duration|none>',
      'of each mark: 30d, 12h, or seconds; renewed ahead of its end. none: marks carry no exp, for authorizations that have no end; their bearers take a new one only when your key changes',
      durationOr('none'),
    )
    .option('--delegation <file>', "the owner's delegation, a compact JWT");
const typeBody = (options: { logo?: string; ref?: string; lifetime?: number | 'none'; delegation?: string }) => ({
  ...(options.logo !== undefined && { logo_uri: options.logo }),
  ...(options.ref !== undefined && { ref: options.ref }),
  ...(options.lifetime !== undefined && { lifetime: options.lifetime === 'none' ? null : options.lifetime }),
  ...(options.delegation !== undefined && { delegation: readInput(options.delegation).trim() }),
});

function typeCommands(type: Command): void {
  const describe = (one: TypeView) =>
    out(`${clean(one.trust_mark_type)}  ${one.state}, ${days(one.lifetime)}${one.delegated ? `, delegated until ${when(one.delegated_until)}` : ''}`);
  type
    .command('list')
    .description('types this authority issues')
    .action(async (_options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const page = await client.get<Page<TypeView>>(root(authority, 'mark-types'));
      show(json, page, () =>
        page.items.length
          ? out(
              table(
                ['type', 'state', 'lifetime', 'delegated until'],
                page.items.map((one) => [one.trust_mark_type, one.state, days(one.lifetime), one.delegated ? when(one.delegated_until) : '—']),
              ),
            )
          : talk('No types yet. Begin with: npx holdfast mark type create https://…'),
      );
    });
  typeSettings(type.command('create <type>').description('begin to issue a type, a URL')).action(
    async (name: string, options: Parameters<typeof typeBody>[0], command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types'), { trust_mark_type: name, ...typeBody(options) });
      show(json, one, () => {
        describe(one);
        talk(
          `Next: npx holdfast mark grant ${name} <member>; and have the trust anchor recognize you: npx holdfast mark type recognize ${name} --issuer <your entity id>`,
        );
      });
    },
  );
  typeSettings(type.command('change <type>').description('marks follow at their renewal')).action(
    async (name: string, options: Parameters<typeof typeBody>[0], command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TypeView>('PATCH', root(authority, 'mark-types', name), typeBody(options));
      show(json, one, () => describe(one));
    },
  );
  type
    .command('halt <type>')
    .description('withdraw every mark of a type at once and issue no more')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .option('--yes <type>', 'confirm by repeating the type')
    .action(async (name: string, options: { reason: string; yes?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      await confirm(name, options.yes, `This will withdraw every mark of ${name}`);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types', name, 'halt'), { reason: options.reason });
      show(json, one, () => talk(`${one.withdrawn ?? 0} marks are withdrawn; their status is revoked`));
    });
  type
    .command('resume <type>')
    .description('allow grants of a halted type again')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<TypeView>('POST', root(authority, 'mark-types', name, 'resume'));
      show(json, one, () => describe(one));
    });
  type
    .command('recognize <type>')
    .description('as a trust anchor: who may issue a type, and who owns it')
    .option('--issuer <entity-id>', 'repeat for several', collect, [])
    .option('--anyone', 'anyone may issue it')
    .option('--owner <entity-id>', 'who owns the type and delegates its issuing')
    .option('--owner-jwks <file>', "the owner's keys, obtained out of band")
    .action(async (name: string, options: { issuer: string[]; anyone?: boolean; owner?: string; ownerJwks?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ claims: object; findings?: Parameters<typeof talkFindings>[0] }>(
        'PUT',
        root(authority, 'mark-types', name, 'recognition'),
        {
          ...((options.anyone || options.issuer.length) && { issuers: options.anyone ? [] : options.issuer }),
          ...(options.owner !== undefined && {
            owner: { sub: options.owner, jwks: options.ownerJwks === undefined ? undefined : readJson(options.ownerJwks) },
          }),
        },
      );
      show(json, one, () => {
        out(jsonLines(one.claims));
        talkFindings(one.findings);
      });
    });
  type
    .command('forget <type>')
    .description('as a trust anchor: recognize a type no longer')
    .action(async (name: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<object>('DELETE', root(authority, 'mark-types', name, 'recognition'));
      show(json, one, () => talk(`${name} is recognized no longer`));
    });
  type
    .command('delegate <type> <issuer>')
    .description('as the owner of a type: sign a delegation for an issuer, on stdout')
    .option('--lifetime <duration>', 'of the delegation: 365d, or seconds', duration)
    .option('--ref <uri>', 'what the mark means, for people')
    .action(async (name: string, issuer: string, options: { lifetime?: number; ref?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<{ delegation: string; exp: number }>('POST', root(authority, 'mark-types', name, 'delegations'), {
        issuer,
        ...(options.lifetime !== undefined && { lifetime: options.lifetime }),
        ...(options.ref !== undefined && { ref: options.ref }),
      });
      show(json, one, () => {
        talk(`${issuer} may issue ${name} until ${when(one.exp)}; send it this delegation`);
        out(one.delegation);
      });
    });
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
    .option('--limit <n>', '1 to 1000', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: { type?: string; member?: string; limit: string; cursor?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = new URLSearchParams({ limit: options.limit });
      for (const [name, value] of [
        ['trust_mark_type', options.type],
        ['member', options.member],
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
    .option('--valid-until <time>', 'no mark outlives it: 2027-01-01 (UTC), 2027-01-01T09:00:00+01:00, or how far away: 90d', timeOrDuration)
    .action(async (type: string, member: string, options: { memberOf?: string; validUntil?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<GrantView>('POST', root(authority, 'marks'), {
        trust_mark_type: type,
        member,
        ...(options.memberOf !== undefined && { member_of: options.memberOf }),
        ...(options.validUntil !== undefined && { valid_until: options.validUntil }),
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
      show(json, one, () => describe(one));
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
