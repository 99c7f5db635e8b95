import type { Command } from 'commander';
import { setTimeout as after } from 'node:timers/promises';
import { duration } from './kinds.js';
import { readDuration, readTime } from '../federation/written-time.js';
import { CliError, type Client } from './client.js';
import { EXIT } from './exit-codes.js';
import { lines, out, printLine, table, talk, when } from './output.js';
import { collect, confirm, globals, type Page, path, show } from './shell.js';

interface Party {
  readonly kind: string;
  readonly id: string;
  readonly name: string | null;
}
export interface EventView {
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
  readonly type: string;
  readonly subject: Party;
  readonly actor: Party;
  readonly reason: string | null;
  readonly erased?: { readonly at: number; readonly by: string; readonly seq: number } | null;
}

/** A time in seconds: a date (its beginning, UTC), RFC 3339, or how long ago, with its unit: 7d. @throws CliError */
export function timeOf(text: string, option: string, now = Math.floor(Date.now() / 1000)): number {
  const ago = /^\d+$/.test(text) ? undefined : readDuration(text);
  const at = readTime(text) ?? (ago === undefined ? undefined : Math.max(0, now - ago));
  if (at === undefined)
    throw new CliError(2, `${option} is a date (2027-03-01), a time (2027-03-01T12:00:00Z) or how long ago (7d, 12h, 30min); it is "${text.slice(0, 60)}"`);
  return at;
}

interface Filter {
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly member?: string;
  readonly subject?: string;
  readonly type: string[];
  readonly deployment?: boolean;
}

const filtered = (command: Command): Command =>
  command
    .option('--since <time>', 'at this time or later: 2027-03-01 (UTC), 2027-03-01T12:00:00Z, or 7d, 12h, 30min ago')
    .option('--actor <name>', 'who did it: an API key by name or id, or system')
    .option('--member <id>', 'a member by id or entity identifier; halts of its organization are included')
    .option('--subject <id>', 'anything else by id or name: an organization, a key, a policy version')
    .option('--type <type>', 'what happened, such as member.suspended; repeat for several', collect, [])
    .option('--deployment', 'what concerns the deployment and no single authority: API keys, the clock, restores');

function queryOf({ since, until, actor, member, subject, type, deployment }: Filter): URLSearchParams {
  if (deployment && member !== undefined) throw new CliError(2, 'members belong to an authority: give --member or --deployment');
  const query = new URLSearchParams();
  if (since !== undefined) query.set('since', String(timeOf(since, '--since')));
  if (until !== undefined) query.set('until', String(timeOf(until, '--until')));
  for (const [name, value] of Object.entries({ actor, member, subject })) if (value !== undefined) query.set(name, value);
  if (type.length) query.set('type', type.join(','));
  return query;
}

const calledBy = ({ name, id }: Party): string => name ?? id;
const calledOf = ({ kind, name, id }: Party): string => `${kind} ${name ?? id}`;
const reasonOf = ({ reason, erased }: EventView): string => (erased ? `erased ${when(erased.at)} by ${erased.by} (event ${erased.seq})` : (reason ?? ''));
export const eventRows = (events: readonly EventView[]) =>
  table(
    ['event', 'at', 'what', 'subject', 'by', 'reason'],
    events.map((one) => [String(one.seq), when(one.at), one.type, calledOf(one.subject), calledBy(one.actor), reasonOf(one)]),
  );
/** One event on one line, for a stream that has no columns to align. */
const line = (one: EventView) =>
  [new Date(one.at * 1000).toISOString().replace('.000', ''), one.type, calledOf(one.subject), `by ${calledBy(one.actor)}`, reasonOf(one)].join('  ').trimEnd();

const chainOf = (authority: string, { deployment }: Filter): string => (deployment ? '/events' : path('authorities', authority, 'events'));

export function eventCommands(program: Command): void {
  const event = program.command('event').description('the audit trail: who did what, when and why');
  filtered(event.command('list').description('what happened, oldest first; names stand in place of ids'))
    .option('--until <time>', 'before this time, as with --since')
    .option('--newest', 'newest first')
    .option('--limit <n>', '1 to 1000', '100')
    .option('--after <event>', 'go on behind this event, in the order shown')
    .action(async (options: Filter & { newest?: boolean; limit: string; after?: string }, command: Command) => {
      const { client, json, authority } = globals(command);
      const query = queryOf(options);
      query.set('limit', options.limit);
      if (options.newest) query.set('order', 'newest');
      if (options.after !== undefined) query.set('cursor', options.after);
      const page = await client.get<Page<EventView>>(`${chainOf(authority, options)}?${query}`);
      show(json, page, () => {
        if (page.items.length) out(eventRows(page.items));
        else talk('Nothing of that kind happened.');
        if (page.next_cursor) talk(`More: the same with --after ${page.next_cursor}`);
      });
    });
  event
    .command('erase <seq...>')
    .description('erase what people wrote in events, and names; the chain goes on to verify, and shows that it was done')
    .requiredOption('--reason <text>', 'why; it is kept with the event that tells of it, so name no person')
    .option('--yes <seq>', 'the number again (of several the last one), for scripts')
    .option('--deployment', 'in the chain of the deployment')
    .addHelpText('after', '\nThe reason of a suspension stands with the member too, and backups keep what they hold: docs/operate.md, "Proving what happened".')
    .action(async (seqs: string[], { reason, yes, deployment }: { reason: string; yes?: string; deployment?: boolean }, command: Command) => {
      const { client, json, authority } = globals(command);
      await confirm(seqs.at(-1) ?? '', yes, `what people wrote in event ${seqs.join(', ')} cannot be brought back`);
      const done: { readonly seq: number; readonly already: boolean }[] = [];
      for (const seq of seqs)
        done.push(await client.send('POST', deployment ? path('events', seq, 'erase') : path('authorities', authority, 'events', seq, 'erase'), { reason }));
      show(json, { items: done }, () => out(lines(done.map((one) => `event ${one.seq}: ${one.already ? 'erased before' : 'erased'}`))));
    });
  filtered(event.command('tail').description('the last events, and then each as it happens, until Ctrl-C; with --json one document a line'))
    .option('--last <n>', 'how many to begin with, 0 to 1000', '10')
    .option('--interval <duration>', 'how often to look, 1s to 1h', duration, 2)
    .action(async (options: Filter & { last: string; interval: number }, command: Command) => {
      const { client, json, authority } = globals(command);
      const last = wholeNumber(options.last, '--last', 0, 1000);
      const { interval } = options;
      if (interval > 3600) throw new CliError(2, '--interval is at most 1h');
      const stop = new AbortController();
      const end = () => stop.abort();
      // While somebody reads slowly, the process stands in a write and would hear no signal: then it ends as any program does.
      const hear = () => process.once('SIGINT', end).once('SIGTERM', end);
      const hearNothing = () => process.off('SIGINT', end).off('SIGTERM', end);
      hear();
      try {
        for await (const one of follow(client, chainOf(authority, options), queryOf(options), { last, interval, signal: stop.signal })) {
          hearNothing();
          if (json) printLine(one);
          else out(line(one));
          hear();
        }
      } finally {
        hearNothing();
      }
    });
}

function wholeNumber(text: string, option: string, least: number, most: number): number {
  const n = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (n < least || n > most) throw new CliError(2, `${option} is a whole number from ${least} to ${most}`);
  return n;
}

interface Following {
  readonly last: number;
  readonly interval: number;
  readonly signal: AbortSignal;
}

/**
 * Events as they come. The place in the chain is kept here, so nothing is missed or told twice, also over a restart of the
 * server, which is waited for. The first question is answered or fails: a wrong name or key is no reason to wait.
 */
async function* follow(client: Client, chain: string, filter: URLSearchParams, { last, interval, signal }: Following): AsyncGenerator<EventView> {
  const ask = (more: Record<string, string>) => client.get<Page<EventView>>(`${chain}?${new URLSearchParams([...filter, ...Object.entries(more)])}`);
  // Where the chain ends, whatever is asked of it.
  const [head] = (await client.get<Page<EventView>>(`${chain}?order=newest&limit=1`)).items;
  let seen = { seq: head?.seq ?? 0, hash: head?.hash };
  /** A chain that lacks what was seen is another one: of another server in this place, or of a backup that was restored. */
  const expectSame = async () => {
    if (seen.seq === 0) return;
    const [there] = (await client.get<Page<EventView>>(`${chain}?limit=1&cursor=${seen.seq - 1}`)).items;
    if (there?.seq === seen.seq && there.hash === seen.hash) return;
    const what = `${client.url} has another event chain than before: event ${seen.seq} is not there, or is another`;
    throw new CliError(EXIT.findings, `${what}. Is it another server, or was a backup restored (holdfast restore status)? Begin again to see this one`);
  };
  const first = await ask({ order: 'newest', limit: String(Math.max(1, last)), cursor: String(seen.seq + 1) });
  if (last) yield* [...first.items].reverse();
  let away = false;
  while (!signal.aborted) {
    try {
      await expectSame();
      for (let more = true; more; ) {
        const page = await ask({ limit: '1000', cursor: String(seen.seq) });
        for (const one of page.items) {
          if (signal.aborted) return;
          seen = one;
          yield one;
        }
        more = page.next_cursor !== null;
      }
      if (away) talk('It answers again.');
      away = false;
    } catch (error) {
      if (!(error instanceof CliError && (error.exitCode === 3 || PASSING.includes(error.code)))) throw error;
      if (!away) talk(lines([`${error.message}`, 'Waiting for it; nothing is missed.']));
      away = true;
    }
    await after(interval * 1000, undefined, { signal }).catch(() => undefined);
  }
}

/** Codes of answers that are worth asking again. */
const PASSING: readonly string[] = ['temporarily_unavailable', 'storage_busy', 'storage_unreachable'];
