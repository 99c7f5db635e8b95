import { type Command, Option } from 'commander';
import { CUT_CODES } from '../audit/reason-codes.js';
import { CliError } from './client.js';
import { statusWord } from './member-view.js';
import { clean, green, lines, out, red, table, talk, when } from './output.js';
import { confirm, globals, path, queryOf, show } from './shell.js';

interface Held {
  readonly until: number | null;
  readonly seconds: number | null;
  readonly endless: boolean;
}
interface Reach {
  readonly members: number;
  readonly statements: number;
  readonly marks: number;
  readonly answers: number;
  readonly intermediates: number;
  readonly below: number;
  readonly other_authorities: number;
  readonly at_least: readonly string[];
  readonly examples: readonly string[];
  readonly others_may_hold: Held;
  readonly at_most_until: number | null;
}
interface Receipt {
  readonly registrations: {
    readonly clients: number;
    readonly servers: readonly { readonly server: string; readonly clients: number }[];
    readonly software_statements: number;
    readonly initial_access_tokens: number;
    readonly until: number | null;
  };
  readonly event: { readonly authority: string | null; readonly seq: number; readonly at: number; readonly type: string; readonly hash: string };
  readonly already: boolean;
  readonly members: number;
  readonly answers: readonly {
    readonly what: string;
    readonly url: string;
    readonly status: number;
    readonly listed?: boolean;
    readonly lists_key?: boolean;
    readonly value?: number;
  }[];
  readonly still_served: number;
  readonly others_may_hold: Held;
  readonly at_most_until: number | null;
  readonly missing: number;
  readonly checked_at: number;
}
interface Halted {
  readonly already: boolean;
  readonly members: number;
  readonly note: string | null;
  readonly receipt: Receipt | null;
}
type Target = Readonly<Record<string, string | boolean | undefined>> & { readonly level: string };

interface Options {
  readonly reason?: string;
  readonly reasonCode?: string;
  readonly publicReason?: string;
  readonly revoke?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: string;
}

const holding = ({ until, endless }: Held): string =>
  endless
    ? 'a mark without end is out: others may hold it for as long as its key stands'
    : until === null
      ? 'nobody holds anything that lasts still'
      : `others may hold copies until ${when(until)}`;

function reachLines(of: Reach): string {
  const counted = (name: 'members' | 'statements' | 'marks' | 'answers' | 'intermediates' | 'below' | 'other_authorities'): string =>
    of.at_least.includes(name) ? `at least ${of[name]}` : String(of[name]);
  return lines([
    `members ${counted('members')}, statements ${counted('statements')}, marks ${counted('marks')}, resolve answers ${counted('answers')}`,
    `intermediates ${counted('intermediates')}, entities below ${counted('below')}, other authorities here ${counted('other_authorities')}`,
    ...(of.examples.length > 0 && of.members > 1 ? [`such as ${of.examples.map(clean).join(', ')}`] : []),
    holding(of.others_may_hold),
  ]);
}

const AS_CUT = [404, 400, 410];
function answerRow({ url, status, listed, lists_key: listsKey, value }: Receipt['answers'][number]): string[] {
  const said = [
    String(status),
    ...(listed === undefined ? [] : [listed ? 'listed' : 'not listed']),
    ...(listsKey === undefined ? [] : [listsKey ? 'lists the key' : 'without the key']),
    ...(value === undefined ? [] : [`says ${statusWord(value)}`]),
  ];
  const gone = AS_CUT.includes(status) || listed === false || listsKey === false || (value !== undefined && value !== 0);
  return [gone ? green(said.join(', ')) : said.join(', '), url];
}

function receiptText({ event, answers, still_served: still, others_may_hold: held, at_most_until: most, registrations, missing, members }: Receipt): void {
  out(`event ${event.seq} of ${event.authority ?? 'the deployment'}  ${event.type}  ${when(event.at)}`);
  out(`  hash     ${event.hash}`);
  out(`  members  ${members}`);
  if (still > 0) out(`  ${red(`${still} statement${still === 1 ? ' is' : 's are'} still served`)}`);
  if (missing > 0) out(`  ${red(`the event${missing === 1 ? '' : 's'} of ${missing} other authorit${missing === 1 ? 'y' : 'ies'} cannot be found`)}`);
  out(`  ${holding(held)}`);
  if (most !== null) out(`  nothing that was signed with these keys lasts beyond ${when(most)}`);
  const { clients, servers, software_statements: statements, initial_access_tokens: tokens, until } = registrations;
  if (clients > 0) out(`  clients  ${clients}: ${servers.map((one) => `${one.clients} at ${clean(one.server)}`).join(', ')}`);
  if (until !== null) out(`  ${statements} software statements and ${tokens} initial access tokens, until ${when(until)} where nobody asks about them`);
  if (answers.length) out(table(['answer', 'url'], answers.map(answerRow)));
}

async function cut(target: Target, named: string, options: Options, command: Command, asks: boolean): Promise<void> {
  const { client, json } = globals(command);
  const reach = () =>
    client.get<Reach>(
      `/halts/reach?${queryOf(Object.fromEntries(Object.entries(target).map(([name, value]) => [name, value === undefined ? undefined : String(value)])))}`,
    );
  const send = () =>
    client.send<Halted>('POST', '/halts', {
      ...target,
      reason: options.reason,
      ...(options.reasonCode !== undefined && { reason_code: options.reasonCode }),
      ...(options.publicReason !== undefined && { public_reason: options.publicReason }),
      ...(options.revoke && { mode: 'revoke' }),
    });
  if (options.dryRun) {
    const found = await reach();
    // Whether it could be done is told too, where it is said all of it.
    if (options.reason !== undefined) await send();
    return show(json, found, () => out(reachLines(found)));
  }
  if (options.reason === undefined) throw new CliError(2, 'why? --reason <text>; it stands in the audit trail');
  // In an emergency nothing is counted first.
  if (asks && options.yes !== named) talk(reachLines(await reach()));
  if (asks) await confirm(named, options.yes, `This cuts off ${named}`);
  const done = await send();
  show(json, done, () => {
    talk(done.already ? `already: ${clean(named)} was cut off before` : `${clean(named)} is cut off`);
    if (done.note) talk(done.note);
    if (done.receipt) {
      receiptText(done.receipt);
      const { authority, seq } = done.receipt.event;
      talk(`Again later: npx holdfast halt receipt ${seq}${authority === null ? ' --deployment' : ''}`);
    }
  });
}

const withWhy = (command: Command): Command =>
  command
    .option('--reason <text>', 'why; it stands in the audit trail (needed unless --dry-run)')
    .addOption(new Option('--reason-code <code>', 'why, in a word that stays when the reason is erased').choices(CUT_CODES))
    .option('--dry-run', 'count what it would reach, and change nothing');
const PUBLIC = ['--public-reason <text>', 'told to anyone, where the authority publishes what became of its subordinates'] as const;

/** `halt`: one verb for all that cuts. */
export function cuttingCommands(program: Command): void {
  const halt = program.command('halt').description('cut off: a key, a member, an organization, a type of mark or an authority, with a receipt');
  withWhy(halt.command('key <key>').description('take a key from every member of this deployment that has it; by thumbprint, or by kid with --member'))
    .option('--member <member>', 'whose kid it is')
    .option('--here', 'at this authority alone')
    .option('--yes <key>', 'confirm by repeating the key')
    .action((key: string, options: Options & { member?: string; here?: boolean }, command: Command) => {
      const { authority } = globals(command);
      return byKey({ key, authority, ...options }, options, command);
    });
  async function byKey(
    { key, authority, member, here }: { key: string; authority: string; member?: string; here?: boolean },
    options: Options,
    command: Command,
  ) {
    const there = here ? { authority } : {};
    if (member === undefined) return cut({ level: 'key', key, ...there }, key, options, command, true);
    if (here) return cut({ level: 'key', key, member, authority }, key, options, command, true);
    const thumbprint = await thumbprintOf(key, member, command);
    return cut({ level: 'key', key: thumbprint }, key, options, command, true);
  }
  withWhy(halt.command('member <member>').description('suspend a member, or revoke it'))
    .option('--revoke', 'for good: the identifier is barred')
    .option(...PUBLIC)
    .option('--yes <member>', 'with --revoke: confirm by repeating the member')
    .action((member: string, options: Options, command: Command) =>
      cut({ level: 'member', authority: globals(command).authority, member }, member, options, command, options.revoke === true),
    );
  withWhy(halt.command('organization [organization]').description('suspend all its active members: here, or everywhere in this deployment'))
    .option('--everywhere', 'at every authority that knows the same registration number')
    .option('--registration-number <registration>', 'instead of the organization: at every authority')
    .option('--jurisdiction <code>', 'whose register: SE, US-DE')
    .option(...PUBLIC)
    .option('--yes <organization>', 'confirm by repeating the organization, or the number')
    .action(
      (
        organization: string | undefined,
        { everywhere, registrationNumber, jurisdiction, ...options }: Options & { everywhere?: boolean; registrationNumber?: string; jurisdiction?: string },
        command: Command,
      ) => {
        const named = organization ?? registrationNumber;
        if (named === undefined || (organization !== undefined && registrationNumber !== undefined))
          throw new CliError(2, 'name the organization, or give its --registration-number');
        const where = organization === undefined ? {} : { authority: globals(command).authority };
        const target = { level: 'organization', organization, registration_number: registrationNumber, jurisdiction, everywhere, ...where };
        return cut(target, named, options, command, true);
      },
    );
  withWhy(halt.command('mark-type <type>').description('withdraw every mark of a type, and issue no more'))
    .option('--yes <type>', 'confirm by repeating the type')
    .action((type: string, options: Options, command: Command) =>
      cut({ level: 'mark_type', authority: globals(command).authority, type }, type, options, command, true),
    );
  withWhy(halt.command('authority <slug>').description('stop everything of an authority'))
    .option('--yes <slug>', 'confirm by repeating the slug')
    .action((authority: string, options: Options, command: Command) => cut({ level: 'authority', authority }, authority, options, command, true));
  halt
    .command('receipt <seq>')
    .description('what a cut has done, by its event: how each public URL is answered now, what others may still hold')
    .option('--deployment', 'the event is in the chain of the deployment')
    .action(async (seq: string, { deployment }: { deployment?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      const receipt = await client.get<Receipt>(deployment ? path('receipts', seq) : path('authorities', authority, 'receipts', seq));
      show(json, receipt, () => receiptText(receipt));
    });
}

/** The kid of a member names the same key everywhere by its thumbprint: it is worked out here, from what the member has. */
async function thumbprintOf(kid: string, member: string, command: Command): Promise<string> {
  const { client, authority } = globals(command);
  const { jwks } = await client.get<{ readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] } }>(
    path('authorities', authority, 'members', member),
  );
  const found = jwks.keys.find((one) => one['kid'] === kid);
  if (!found) throw new CliError(2, `${member} has no key ${kid}; see: npx holdfast member show ${member}`);
  const { calculateJwkThumbprint } = await import('jose');
  return calculateJwkThumbprint(found);
}
