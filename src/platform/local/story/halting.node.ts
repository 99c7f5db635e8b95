import { setTimeout as after } from 'node:timers/promises';
import { type AgentProcess, type Door, DOORS } from './agents.node.js';
import type { Said } from './child.node.js';
import { serverOf } from './doors.node.js';
import type { Documented, Registries } from './enrolling.node.js';
import { type Narrator, took } from './narrator.js';
import type { Freshness, Services } from './services.node.js';

/** What came of the halt at one door. */
export interface DoorClosed {
  readonly door: Door;
  /** Milliseconds from the halt's answer to the first refusal: of a call with the token it had, and of another token. */
  readonly callRefusedMs: number;
  readonly tokenRefusedMs: number;
  readonly call: Said;
  readonly token: Said;
  /** Calls and tokens that were let through between the halt and that refusal. */
  readonly late: number;
  /** How many more tries there were after both refusals, and how many of them were let in: none. */
  readonly tries: number;
  readonly admitted: number;
}

export interface Halted {
  /** When the halt was answered (ISO 8601). */
  readonly at: string;
  readonly receipt: Receipt;
  readonly doors: readonly DoorClosed[];
  /** What the authority answers about it now, by URL. */
  readonly gone: readonly { readonly what: string; readonly status: number }[];
}

export interface Receipt {
  readonly event: { readonly seq: number; readonly type: string; readonly hash: string };
  readonly answers: readonly { readonly what: string; readonly url: string; readonly status: number; readonly value?: number }[];
  readonly registrations: { readonly clients: number; readonly servers: readonly { readonly server: string; readonly clients: number }[] };
}

const PAUSE_MS = 200;
const MOST_MS = 45_000;
const TRIES = 5;

/** A kind of request, tried until it is refused. */
interface Trying {
  readonly act: () => Promise<Said>;
  refused?: { readonly said: Said; readonly ms: number };
  late: number;
}

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
    for (const one of answers) say.got(`${one.what}: ${one.value === undefined ? one.status : `${one.status}, says ${one.value}`}`);
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
  const doors = await tell.step('Refused: at the tool mid-session, and at each of the three doors', async (say) => {
    const closed = await Promise.all(DOORS.map((door) => shut(processes[door], since, services)));
    for (const one of closed) {
      const asks = one.door === 'document' ? `it keeps the document ${fresh.document} s here, 60 s where nothing is set` : mode(fresh.federation);
      say.refused(
        `${one.door}: call ${String(one.call['status'])} ${String(one.call['error'])} after ${took(one.callRefusedMs)} (MCP server, ${mode(fresh.resource)})`,
      );
      say.refused(
        `${' '.repeat(one.door.length)}  token ${String(one.token['status'])} ${String(one.token['error'])} after ${took(one.tokenRefusedMs)} (${asks})`,
      );
    }
    const tries = closed.reduce((sum, one) => sum + one.tries, 0);
    const admitted = closed.reduce((sum, one) => sum + one.admitted, 0);
    say.checked(`${tries} more tries of every kind: ${admitted} let in`);
    if (admitted > 0) throw new Error('somebody was let in after the halt');
    return closed;
  });
  return { at, receipt, doors, gone };
}

const mode = (fresh: string): string => (fresh === 'strict' ? 'asks with each request' : `asks every ${fresh} s`);

async function shut(agent: AgentProcess, since: number, services: Services): Promise<DoorClosed> {
  const { door } = agent;
  const call: Trying = { act: () => agent.act({ do: 'call', tool: 'read_invoice' }), late: 0 };
  const token: Trying = { act: () => agent.act({ do: 'token' }), late: 0 };
  while (!call.refused || !token.refused) {
    for (const one of [call, token]) {
      if (one.refused) continue;
      const said = await one.act();
      const ms = performance.now() - since;
      if (said.event === 'refused') one.refused = { said, ms };
      else one.late++;
      if (ms > MOST_MS) throw new Error(`${door}: still let in ${took(ms)} after the halt`);
    }
    await after(PAUSE_MS);
  }
  const [server, mcp] = [serverOf(door, services), services.mcp.child];
  const [fromServer, fromMcp] = [server.said.length, mcp.said.length];
  let admitted = 0;
  for (let n = 0; n < TRIES; n++) for (const one of [call, token]) if ((await one.act()).event !== 'refused') admitted++;
  // What the services themselves wrote down counts as well.
  const about = (one: Said): boolean => one['client_id'] === call.refused?.said['client_id'];
  admitted += server.said.slice(fromServer).filter((one) => one.event === 'token' && about(one)).length;
  admitted += mcp.said.slice(fromMcp).filter((one) => one.event === 'tool_call' && about(one)).length;
  return {
    door,
    callRefusedMs: call.refused.ms,
    tokenRefusedMs: token.refused.ms,
    call: call.refused.said,
    token: token.refused.said,
    late: call.late + token.late,
    tries: 2 * TRIES,
    admitted,
  };
}
