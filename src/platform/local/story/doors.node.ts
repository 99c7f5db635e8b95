import { type AgentProcess, type Agents, type Door, DOORS } from './agents.node.js';
import type { Child, Said } from './child.node.js';
import { type Narrator, took } from './narrator.js';
import type { Services } from './services.node.js';

/** What came of one door. */
export interface DoorUsed {
  readonly door: Door;
  readonly clientId: string;
  readonly scope: string;
  /** Milliseconds, as the agent sees them: from nothing to a token, and for a call of a tool. */
  readonly tokenMs: number;
  readonly callMs: number;
  /** What the MCP server, and the authorization server where it knows of chains, wrote down. */
  readonly chain: string;
  readonly chainAtServer: string | undefined;
  /** A tool that it was not vetted for. */
  readonly beyond: Said;
}

const TITLES: Readonly<Record<Door, string>> = {
  document: 'First door, at the server that knows no federations: the agent’s document',
  automatic: 'Second door: the agent calls itself by its entity identifier',
  statement: 'Third door: it registers by a software statement, a token and a signed request',
};
const CHECKS: Readonly<Record<Door, string>> = {
  document: 'by the server: the document lies where it may, is about that URL, and the assertion is by a key in it',
  automatic: 'by the server: a chain to the pinned anchor, its policies, the status lists, and the assertion by a key that the chain vouches for',
  statement:
    'by the server: who signed the statement and the token, whether both and the member are in force, that the request is by the key the token names, and asks for no more; then the token is used up',
};

export const serverOf = (door: Door, { stock, federation }: Services): Child => (door === 'document' ? stock : federation).child;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What was refused until the agent gave up: at the resource, and then at the authorization server that it asked for more. */
export const refusals = (said: Said): readonly Readonly<Record<string, unknown>>[] => [
  ...((said['before'] as readonly Readonly<Record<string, unknown>>[] | undefined) ?? []),
  said,
];

/** Wait for what a party writes down of something that was answered already. */
const written = (child: Child, event: string, from: number, matches: (said: Said) => boolean = () => true): Promise<Said> =>
  child.until((one) => one.event === event && matches(one), `it has written down ${event}`, from, 10);

/** Through each door once: a token, a tool, and a tool that it was not vetted for. */
export async function useDoors(tell: Narrator, services: Services, processes: Agents): Promise<readonly DoorUsed[]> {
  const used: DoorUsed[] = [];
  for (const door of DOORS) used.push(await useDoor(tell, services, processes[door]));
  return used;
}

async function useDoor(tell: Narrator, services: Services, agent: AgentProcess): Promise<DoorUsed> {
  const { door } = agent;
  const { child: mcp } = services.mcp;
  const server = serverOf(door, services);
  return tell.step(TITLES[door], async (say) => {
    const fromServer = server.said.length;
    const fromAgent = agent.child.said.length;
    const done = await agent.insist({ do: 'token' });
    const token = agent.child.said.slice(fromAgent).find(({ event }) => event === 'token');
    if (done.event !== 'token_done' || !token) throw new Error(`no token: ${JSON.stringify(done)}`);
    if (door === 'statement') {
      const made = await written(server, 'registered', fromServer);
      say.sent('POST /reg with the initial access token, as application/jwt signed by the agent');
      say.got(`client  ${text(made['client_id'])}, without a secret`);
    }
    const clientId = text(token['client_id']);
    say.sent(`POST /token by private_key_jwt, resource ${services.resource}, client_id`);
    say.more(clientId);
    say.checked(CHECKS[door]);
    say.got(`a token for scope ${text(token['scope'])}, ${String(token['expires_in'])} s, after ${took(done.took)}`);

    const fromMcp = mcp.said.length;
    const call = await agent.insist({ do: 'call', tool: 'read_invoice' });
    if (call.event !== 'tool_call') throw new Error(`the tool was not called: ${JSON.stringify(call)}`);
    const logged = await written(mcp, 'tool_call', fromMcp);
    say.sent('MCP tools/call read_invoice, with that token');
    say.checked('by the MCP server: the token at its issuer, and the agent in the federation, now');
    say.got(`${text(call['text']).slice(0, 120)} (${took(call.took)})`);
    const chain = text(logged['chain_sha256']);
    say.got('in its log, why it was let in: the chain');
    say.more(chain);

    const beyond = await agent.insist({ do: 'call', tool: 'pay_invoice' });
    if (beyond.event !== 'refused') throw new Error(`a tool was called that the agent was not vetted for: ${JSON.stringify(beyond)}`);
    say.sent('MCP tools/call pay_invoice, which takes tools:write');
    for (const one of refusals(beyond)) say.refused(`by the ${text(one['by'])}: ${String(one['status'])} ${text(one['error'])}`);
    const decision = server.said.slice(fromServer).find((one) => one.event === 'decision' && one['decision'] === 'admitted');
    const scope = text(token['scope']);
    const chainAtServer = decision && text(decision['chain_sha256']);
    return { door, clientId, scope, tokenMs: done.took, callMs: call.took, chain, chainAtServer, beyond };
  });
}

/** Who has read the agent's letters tries them too: each is for one registration. */
export async function useAgain(tell: Narrator, processes: Agents): Promise<Said> {
  return tell.step('The same statement and the same token once more', async (say) => {
    const again = await processes.again();
    const refused = await again.insist({ do: 'token' });
    say.sent('POST /reg with another request, signed by the same key');
    if (refused.event !== 'refused') throw new Error(`a token was used twice: ${JSON.stringify(refused)}`);
    say.refused(`${text(refused['error'])}: ${text(refused['why'])}`);
    await again.child.stop();
    return refused;
  });
}

/** Whom nobody has vetted is nobody, whatever it calls itself. */
export async function tryAsStranger(tell: Narrator, processes: Agents): Promise<readonly Said[]> {
  return tell.step('A stranger with keys of its own, under names that nobody was given', async (say) => {
    const doors = ['document', 'automatic'] as const;
    const strangers = await Promise.all(doors.map((door) => processes.stranger(door)));
    const refused = await Promise.all(strangers.map((one) => one.insist({ do: 'token' })));
    for (const [n, one] of refused.entries()) {
      if (one.event !== 'refused') throw new Error(`a stranger was let in: ${JSON.stringify(one)}`);
      say.refused(`${String(doors[n]).padEnd(10)} token ${String(one['status'])} ${text(one['error'])}`);
    }
    await Promise.all(strangers.map((one) => one.child.stop()));
    return refused;
  });
}
