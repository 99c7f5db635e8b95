import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { timeOrDuration, whole } from './kinds.js';
import { clean, green, out, red, table, talk, when, yellow } from './output.js';
import { globals, type Page, path, queryOf, show } from './shell.js';

interface EvidenceView {
  readonly id: string;
  readonly sha256: string;
  readonly media_type: string;
  readonly place: string;
}
export interface AccreditationView {
  readonly id: string;
  readonly member_id: string | null;
  readonly organization_id: string | null;
  readonly kind: string;
  readonly issuer: string;
  readonly reference: string | null;
  readonly valid_from: number;
  readonly valid_until: number | null;
  readonly state: string;
  readonly expired: boolean;
  readonly supersedes: string | null;
  readonly added_by: string;
  readonly verified_by: string | null;
  readonly v: number;
  readonly evidence?: readonly EvidenceView[];
  readonly suspended?: readonly string[];
}
interface Dates {
  readonly issuer?: string;
  readonly reference?: string;
  readonly validFrom?: number;
  readonly validUntil?: number;
}

const root = (authority: string, ...more: string[]) => path('authorities', authority, 'accreditations', ...more);
const standing = ({ state, expired }: AccreditationView): string =>
  state === 'in_force' ? (expired ? red('expired') : green('in force')) : state === 'pending' ? yellow('pending') : red(state);
const until = (at: number | null): string => (at === null ? 'no end' : when(at));

function describe(one: AccreditationView): void {
  out(`${one.id}  ${clean(one.kind)}  ${standing(one)}, version ${one.v}`);
  const row = (name: string, text: string) => out(`  ${name.padEnd(10)}  ${text}`);
  row('of', one.member_id ?? one.organization_id ?? '—');
  row('issuer', `${clean(one.issuer)}${one.reference === null ? '' : `, ${clean(one.reference)}`}`);
  row('valid', `${when(one.valid_from)} to ${until(one.valid_until)}`);
  row('added by', one.added_by);
  if (one.verified_by !== null) row('verified by', one.verified_by);
  if (one.supersedes !== null) row('renews', one.supersedes);
  for (const { id, sha256, media_type: type, place } of one.evidence ?? []) row('evidence', `${id}  ${clean(type)}, ${place}, SHA-256 ${sha256}`);
}

const withDates = (command: Command): Command =>
  command
    .option('--reference <text>', 'under which number the issuer knows it')
    .option('--valid-from <time>', 'from when on: 2027-01-01 (UTC), or how far away: 30d; left out: now', timeOrDuration)
    .option('--valid-until <time>', 'until when: 2028-01-01 (UTC), or how far away: 365d; left out: it has no end', timeOrDuration);
const dates = (options: Dates) => ({
  ...(options.issuer !== undefined && { issuer: options.issuer }),
  ...(options.reference !== undefined && { reference: options.reference }),
  ...(options.validFrom !== undefined && { valid_from: options.validFrom }),
  ...(options.validUntil !== undefined && { valid_until: options.validUntil }),
});

/** `accreditation add`, `list`, `show`, `verify`, `withdraw` and `renew`. */
export function accreditationCommands(program: Command): void {
  const accreditation = program.command('accreditation').description('what somebody else vouches for about members and organizations');
  withDates(
    accreditation
      .command('add <kind>')
      .description('put one on record: legal_entity, iso27001, security_review, contract, insurance, or a name of your own; it counts once it is verified')
      .option('--member <entity-id>', 'the member that it is about')
      .option('--organization <name>', 'the organization that it is about: all its members have it')
      .requiredOption('--issuer <name>', 'who vouches: a certification body, a register, an insurer'),
  ).action(async (kind: string, options: Dates & { readonly member?: string; readonly organization?: string }, command: Command) => {
    const { client, json, authority } = globals(command);
    const { member, organization } = options;
    const one = await client.send<AccreditationView>('POST', root(authority), {
      kind,
      ...(member !== undefined && { member }),
      ...(organization !== undefined && { organization }),
      ...dates(options),
    });
    show(json, one, () => {
      describe(one);
      talk(`Hand in what proves it: npx holdfast evidence add <file> --for ${one.id}; then: npx holdfast accreditation verify ${one.id}`);
    });
  });
  accreditation
    .command('list')
    .description('accreditations, those that were withdrawn included')
    .option('--member <entity-id>', 'of that member itself')
    .option('--organization <name>', 'of that organization')
    .option('--kind <kind>', 'of that kind')
    .option('--state <state>', 'pending, in_force or withdrawn')
    .option('--limit <n>', 'rows of a page', '100')
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (options: Readonly<Record<string, string>>, command: Command) => {
      const { client, json, authority } = globals(command);
      const { member, organization, kind, state, limit, cursor } = options;
      const page = await client.get<Page<AccreditationView>>(`${root(authority)}?${queryOf({ member, organization, kind, state, limit, cursor })}`);
      show(json, page, () => {
        if (page.items.length === 0) return talk('No accreditations. Add one: npx holdfast accreditation add iso27001 --organization <name> --issuer <name>');
        out(
          table(
            ['id', 'kind', 'state', 'of', 'issuer', 'valid until'],
            page.items.map((one) => [one.id, one.kind, standing(one), one.member_id ?? one.organization_id ?? '—', one.issuer, until(one.valid_until)]),
          ),
        );
        return page.next_cursor ? talk(`More: --cursor ${page.next_cursor}`) : undefined;
      });
    });
  accreditation
    .command('show <accreditation>')
    .description('one of them, with its evidence')
    .action(async (id: string, _options: object, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.get<AccreditationView>(root(authority, id));
      show(json, one, () => describe(one));
    });
  accreditation
    .command('verify <accreditation>')
    .description('say that you looked at it and its evidence: it counts from now on; where the quorum is 2, not at your own')
    .option('--seen <version>', 'refuse when it has another version than this (accreditation show)', whole)
    .action(async (id: string, options: { readonly seen?: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<AccreditationView>('POST', root(authority, id, 'verify'), options.seen === undefined ? {} : { v: options.seen });
      show(json, one, () => describe(one));
    });
  accreditation
    .command('withdraw <accreditation>')
    .description('withdraw it, with all that renews it: members that have to have it are suspended, marks that hang on it revoked')
    .requiredOption('--reason <text>', 'why; it stands in the audit trail')
    .action(async (id: string, options: { readonly reason: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const one = await client.send<AccreditationView>('POST', root(authority, id, 'withdraw'), { reason: options.reason });
      show(json, one, () => {
        describe(one);
        for (const entityId of one.suspended ?? []) out(`  ${isDryRun() ? 'would be suspended' : 'suspended'}  ${clean(entityId)}`);
      });
    });
  withDates(
    accreditation
      .command('renew <accreditation>')
      .description('put on record what renews it; the one before stays until its end')
      .option('--issuer <name>', 'who vouches; left out: as before'),
  ).action(async (id: string, options: Dates, command: Command) => {
    const { client, json, authority } = globals(command);
    const one = await client.send<AccreditationView>('POST', root(authority, id, 'renew'), dates(options));
    show(json, one, () => {
      describe(one);
      talk(`It counts once it is verified: npx holdfast accreditation verify ${one.id}`);
    });
  });
}
