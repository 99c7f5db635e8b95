import { setTimeout as after } from 'node:timers/promises';
import { type AgentProcess, type Door, DOORS, isAway } from './agents.node.js';
import type { Said } from './child.node.js';
import { refusals, serverOf } from './doors.node.js';
import type { Documented, Registries } from './enrolling.node.js';
import { type Narrator, took } from './narrator.js';
import type { Freshness, Services } from './services.node.js';

/** The first refusal after the halt, and when it came (milliseconds from the answer to the halt). */
export interface Refused {
  readonly said: Said;
  readonly ms: number;
}

interface Shut {
  readonly door: Door;
  /** Of a tool, with the token it had; and of another token. */
  readonly call: Refused;
  readonly token: Refused;
  /** Calls and tokens that were let through between the halt and these. */
  readonly late: Readonly<Record<What, number>>;
}

/** What came of the halt at one door. */
export interface DoorClosed extends Shut {
  /** How many more tries there were after both refusals, and how many of them were let in: none. */
  readonly tries: number;
  readonly admitted: number;
}

export interface Halted {
  /** When the halt was answered (ISO 8601). */
  readonly at: string;
  /** When every door had refused once. */
  readonly shutAt: string;
  /** When the last try after that was answered. */
  readonly triedAt: string;
  readonly receipt: Receipt;
  readonly doors: readonly DoorClosed[];
  /** What the authority answers about it now, by URL. */
  readonly gone: readonly { readonly what: string; readonly status: number }[];
}

export interface Receipt {
  readonly event: { readonly seq: number; readonly type: string; readonly hash: string };
  readonly answers: readonly { readonly what: string; readonly url: string; readonly status: number; readonly listed?: boolean; readonly value?: number }[];
  readonly registrations: { readonly clients: number; readonly servers: readonly { readonly server: string; readonly clients: number }[] };
}

const PAUSE_MS = 200;
const MOST_MS = 45_000;
const TRIES = 5;

const ACTS = { call: { do: 'call', tool: 'read_invoice' }, token: { do: 'token' } } as const;
type What = keyof typeof ACTS;

/** In the middle of three sessions the operator halts the agent. Each door is tried until it is shut, and then some more. */
export async function haltAgent(
  tell: Narrator,
  { operator }: Registries,
  services: Services,
  processes: Readonly<Record<Door, AgentProcess>>,
  agent: Documented,
  fresh: Freshness,
): Promise<Halted> {
  const { receipt, at, since } = await tell.step('In the middle of these sessions the operator halts the agent', async (say) => {
    const body = { level: 'member', authority: 'acme', member: agent.entity, reason: 'incident 7', reason_code: 'security_incident' };
    say.sent(`POST /admin/v1/halts: ${agent.entity}`);
    const answer = await operator.admin.send<{ receipt: Receipt }>('POST', '/halts', body);
    const done = { receipt: answer.receipt, at: new Date().toISOString(), since: performance.now() };
    const { event, answers, registrations } = done.receipt;
    say.got(`one commit, event ${event.seq} ${event.type}; no signature was needed for it`);
    say.checked(`what is answered about it now: ${answers.map(answered).join(', ')}`);
    say.got(
      registrations.clients === 0
        ? 'nobody reported a client of it'
        : `who still holds a client of it: ${registrations.servers.map(({ server, clients }) => `${server} (${clients})`).join(', ')}`,
    );
    return done;
  });
  const gone = await Promise.all(
    [agent.clientId, `${agent.entity}/.well-known/openid-federation`].map(async (what) => ({ what, status: (await operator.look(what)).status })),
  );
  const { doors, shutAt } = await tell.step('Refused: at the tool mid-session, and at each of the three doors', async (say) => {
    const shuts = await Promise.all(DOORS.map((door) => shut(processes[door], since)));
    const shutAt = new Date().toISOString();
    for (const { door, call, token } of shuts) {
      const asks = door === 'document' ? `keeps a document ${fresh.document} s` : mode(fresh.federation);
      say.refused(line(door, 'call', call, mode(fresh.resource)));
      say.more(line('', 'token', token, asks));
    }
    const [calls, tokens] = [sum(shuts.map(({ late }) => late.call)), sum(shuts.map(({ late }) => late.token))];
    say.more('measured from the answer to the halt; a document itself allows 60 s');
    say.note(`until then, by those that had not asked again: ${calls} calls and ${tokens} tokens`);
    const doors: DoorClosed[] = [];
    for (const one of shuts) doors.push(await tryAgain(one, processes[one.door], services, agent));
    const [tries, admitted] = [sum(doors.map((one) => one.tries)), sum(doors.map((one) => one.admitted))];
    say.checked(`${tries} more calls and tokens asked for: ${admitted} let in`);
    if (admitted > 0) throw new Error('somebody was let in after the halt');
    return { doors, shutAt };
  });
  return { at, shutAt, triedAt: new Date().toISOString(), receipt, doors, gone };
}

/** What the receipt says of one public URL. */
const answered = ({ what, status, listed, value }: Receipt['answers'][number]): string => {
  const name = what.replaceAll('_', ' ');
  if (listed !== undefined) return `${name} ${listed ? 'names it' : 'without it'}`;
  return value === undefined ? `${name} ${status}` : `${name} says ${STATES[value] ?? value}`;
};
const STATES: Readonly<Record<number, string>> = { 0: 'valid', 1: 'revoked', 2: 'suspended' };

const sum = (all: readonly number[]): number => all.reduce((one, other) => one + other, 0);
const mode = (fresh: string): string => (fresh === 'strict' ? 'asks each time' : `asks every ${fresh} s`);
/** Who refused it first: of a call that is the resource, and then the server where the agent asked for another token. */
const line = (door: string, what: string, { said, ms }: Refused, why: string): string => {
  const { status, error } = refusals(said)[0] ?? said;
  return `${door.padEnd(10)} ${what.padEnd(5)} ${String(status)} ${String(error).padEnd(14)} ${took(ms).padStart(6)}  ${why}`;
};

/** Both kinds of request at one door, in turns, until each was refused. */
async function shut(agent: AgentProcess, since: number): Promise<Shut> {
  const { door } = agent;
  const refused: { call?: Refused; token?: Refused } = {};
  const late = { call: 0, token: 0 };
  while (!refused.call || !refused.token) {
    for (const what of ['call', 'token'] as const) {
      if (refused[what]) continue;
      const said = await agent.act(ACTS[what]);
      const ms = performance.now() - since;
      if (said.event !== 'refused') late[what]++;
      else if (!isAway(said)) refused[what] = { said, ms };
      if (ms > MOST_MS) throw new Error(`${door}: still let in ${took(ms)} after the halt`);
    }
    await after(PAUSE_MS);
  }
  return { door, call: refused.call, token: refused.token, late };
}

/** Some more of each. What the services themselves wrote down counts as well. */
async function tryAgain(closed: Shut, process: AgentProcess, services: Services, agent: Documented): Promise<DoorClosed> {
  const [server, mcp] = [serverOf(closed.door, services), services.mcp.child];
  const [fromServer, fromMcp] = [server.said.length, mcp.said.length];
  let admitted = 0;
  for (let n = 0; n < TRIES; n++) for (const what of ['call', 'token'] as const) if ((await process.act(ACTS[what])).event !== 'refused') admitted++;
  admitted += server.said.slice(fromServer).filter(({ event }) => event === 'token').length;
  admitted += mcp.said.slice(fromMcp).filter(({ event, entity }) => event === 'tool_call' && entity === agent.entity).length;
  return { ...closed, tries: 2 * TRIES, admitted };
}
