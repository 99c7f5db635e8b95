import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { CliError, Waits } from './client.js';
import { base, type MemberView } from './member-view.js';
import { out, progress, progressEnds, table, talk } from './output.js';
import { confirm, globals, type Globals, type Page, path, show } from './shell.js';
import { interruptible } from './waiting.js';

/** Which members a verb is for. */
export interface Filter {
  readonly state?: string;
  readonly query?: string;
  readonly type?: string;
  readonly organization?: string;
}
export const isFilter = ({ state, query, type, organization }: Filter): boolean => [state, query, type, organization].some((one) => one !== undefined);

/** A filter as the API takes it. */
export const queryOf = ({ state, query, type, organization }: Filter): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ state, q: query, entity_type: type, organization }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

interface Verb {
  readonly name: string;
  readonly about: string;
  /** The states it leads from. */
  readonly from: string;
  /** What it gives: `content`, which is the one that was found; `back`, which no cut that came after is undone by. */
  readonly gives: 'content' | 'back' | undefined;
  readonly body: object;
}
interface Outcome {
  readonly entity_id: string;
  readonly outcome: string;
  readonly detail: string;
  /** What a second person approves. */
  readonly approval?: string;
}
interface Target {
  readonly id: string;
  readonly entityId: string;
  /** The version that was found. */
  readonly v?: number;
}

const SAMPLE = 5;
/** The server commits what comes at once together. */
const AT_ONCE = 16;

async function found({ client, authority }: Globals, filter: Filter, from: string): Promise<MemberView[]> {
  const members: MemberView[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ limit: '1000', ...queryOf({ state: from, ...filter }), ...(cursor && { cursor }) });
    const page: Page<MemberView> = await client.get<Page<MemberView>>(`${base(authority)}?${query}`);
    members.push(...page.items);
    progress(`${members.length} members`);
    cursor = page.next_cursor;
  }
  progressEnds();
  return members;
}

/** Whatever is wrong with all of them ends it; what is wrong with one is that one's outcome. */
const ONE_OF_THEM = ['wrong_state', 'findings', 'version_conflict', 'not_found', 'already_exists', 'invalid_request', 'self_approval', 'editor_cannot_approve'];

/** Where the event chain stood before members were looked for. */
async function headOf({ client, authority }: Globals): Promise<number> {
  const [last] = (await client.get<Page<{ readonly seq: number }>>(`${path('authorities', authority, 'events')}?order=newest&limit=1`)).items;
  return last?.seq ?? 0;
}

async function moveOne({ client, authority }: Globals, { name, gives, body }: Verb, { id, entityId, v }: Target, asOf: number | undefined): Promise<Outcome> {
  const known = { ...(asOf !== undefined && { as_of: asOf }), ...(gives === 'content' && v !== undefined && { v }) };
  try {
    const one = await client.send<MemberView>('POST', base(authority, id, name), { ...body, ...known }, { 'idempotency-key': randomUUID() });
    return { entity_id: one.entity_id, outcome: one.already ? `already_${one.state}` : one.state, detail: '' };
  } catch (error) {
    if (error instanceof Waits)
      return {
        entity_id: entityId,
        outcome: 'waiting',
        detail: error.message,
        ...(error.answer.approval.id !== null && { approval: error.answer.approval.id }),
      };
    if (!(error instanceof CliError) || !(ONE_OF_THEM.includes(error.code) || error.findings.length)) throw error;
    return { entity_id: entityId, outcome: 'refused', detail: error.message };
  }
}

/** Move many members by a verb: counted and shown first, each outcome told, safe to be run again. */
export async function moveMany(verb: Verb, ids: readonly string[], filter: Filter, yes: string | undefined, command: Command): Promise<void> {
  const known = globals(command);
  if (ids.length && isFilter(filter)) throw new CliError(2, 'name members, or say which by --state, --organization, --query and --type; not both');
  const asOf = verb.gives && (await headOf(known));
  const targets: readonly Target[] = ids.length
    ? [...new Set(ids)].map((id) => ({ id, entityId: id }))
    : (await found(known, filter, verb.from)).map(({ id, entity_id: entityId, v }) => ({ id, entityId, v }));
  const count = targets.length;
  if (count === 0) return show(known.json, { outcomes: [] }, () => talk('No members match; nothing was changed.'));
  const sample = targets.slice(0, SAMPLE).map(({ entityId }) => entityId);
  talk(`${count} member(s): ${sample.join(', ')}${count > SAMPLE ? ` and ${count - SAMPLE} more` : ''}`);
  await confirm(String(count), yes, `This will ${verb.about}: ${count} member(s)`, 'their number');
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async () => {
    for (let one = targets[next++]; one; one = targets[next++]) {
      outcomes.push(await moveOne(known, verb, one, asOf));
      progress(`${outcomes.length} of ${count}`);
    }
  };
  const stopped = () => `Stopped after ${outcomes.length} of ${count}. Run it again: those that were moved are not moved twice.`;
  try {
    await interruptible(stopped, () => Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work)));
  } catch (error) {
    next = count;
    progressEnds();
    talk(stopped());
    throw error;
  }
  progressEnds();
  outcomes.sort((a, b) => (a.entity_id < b.entity_id ? -1 : 1));
  show(known.json, { outcomes }, () => {
    out(
      table(
        ['outcome', 'entity id', 'detail'],
        outcomes.map((one) => [one.outcome, one.entity_id, one.detail]),
      ),
    );
    const counts = new Map<string, number>();
    for (const { outcome } of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    talk([...counts].map(([outcome, n]) => `${n} ${outcome}`).join(', '));
  });
  if (outcomes.some(({ outcome }) => outcome === 'refused')) process.exitCode = 4;
}
