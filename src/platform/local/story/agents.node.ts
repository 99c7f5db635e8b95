import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { newPrivateKey } from '../../../cli/agent-file.js';
import type { Child, Said } from './child.node.js';
import { agents, type Documented, type Registries, VETTED } from './enrolling.node.js';
import type { Services } from './services.node.js';
import type { Stage } from './stage.node.js';

export const DOORS = ['document', 'automatic', 'statement'] as const;
export type Door = (typeof DOORS)[number];

/** The agent as a process that goes through one door. */
export interface AgentProcess {
  readonly door: Door;
  readonly child: Child;
  /** One command, and what came of it: `token_done`, `tool_call`, `answer` (to `raw`), or `refused`. */
  act(command: Command): Promise<Said & { readonly took: number }>;
  /** The same, again while nobody can say (503): on a machine that is very busy. */
  insist(command: Command): Promise<Said & { readonly took: number }>;
}

const PAUSE_MS = 500;
const MOST_TRIES = 10;
/** What each command ends with; before that a party says more of what it did. */
const ENDS = { token: 'token_done', call: 'tool_call', raw: 'answer' } as const;
type Command = { readonly do: keyof typeof ENDS; readonly tool?: string };

/** Whoever could say is not there at the moment (503): no door opens, and none is shut for good. */
export const isAway = (said: Said): boolean => said['error'] === 'temporarily_unavailable' || said['status'] === 503;

function agentProcess(door: Door, child: Child): AgentProcess {
  const act: AgentProcess['act'] = async (command) => {
    const from = child.said.length;
    const began = performance.now();
    child.tell(command);
    const said = await child.until(({ event }) => event === ENDS[command.do] || event === 'refused', `it has done ${JSON.stringify(command)}`, from);
    return { ...said, took: performance.now() - began };
  };
  return {
    door,
    child,
    act,
    async insist(command) {
      for (let tries = 1; ; tries++) {
        const said = await act(command);
        if (!isAway(said) || tries === MOST_TRIES) return said;
        await after(PAUSE_MS);
      }
    },
  };
}

/** What it registers with at a server that knows neither documents nor federations: a software statement, and leave to use it once. */
async function lettersFor({ operator }: Registries, { federation }: Services, agent: Documented, folder: string) {
  const of = (what: string): string => agents('members', agent.member, what);
  const { software_statement } = await operator.admin.send<{ software_statement: string }>('POST', of('software-statements'), { audience: [federation.url] });
  const { initial_access_token } = await operator.admin.send<{ initial_access_token: string }>('POST', of('initial-access-tokens'), {
    audience: federation.url,
    kid: agent.clientKey.kid,
  });
  const [STATEMENT, TOKEN] = [join(folder, 'statement.jwt'), join(folder, 'initial-access-token')] as const;
  writeFileSync(STATEMENT, software_statement, { mode: 0o600 });
  writeFileSync(TOKEN, initial_access_token, { mode: 0o600 });
  return { STATEMENT, TOKEN };
}

/** The agent at the doors: a process for each. */
export interface Agents extends Readonly<Record<Door, AgentProcess>> {
  /** Another one with the same statement and token, which are used up by then. */
  again(): Promise<AgentProcess>;
  /** Somebody whom nobody has vetted, with keys of its own and names that it made up. */
  stranger(door: Door): Promise<AgentProcess>;
}

/** The same agent, as a process for each door. */
export async function startAgents(stage: Stage, registries: Registries, services: Services, agent: Documented): Promise<Agents> {
  const letters = await lettersFor(registries, services, agent, stage.folder);
  const start = async (door: Door, file = agent.file): Promise<AgentProcess> => {
    const env = { AGENT: file, DOOR: door, MCP: services.resource, SCOPE: VETTED.join(' '), ...(door === 'statement' && letters) };
    return agentProcess(door, await stage.party(`agent (${door})`, 'agent', env));
  };
  const [document, automatic, statement] = await Promise.all([start('document'), start('automatic'), start('statement')]);
  return {
    ...{ document, automatic, statement },
    again: () => start('statement'),
    async stranger(door) {
      const file = join(stage.folder, `stranger-${door}.json`);
      const [federation_key, client_key] = [await newPrivateKey(), await newPrivateKey()];
      const made = { entity_id: `${agent.entity}-2`, client_id: agent.clientId.replace(/[^/]+$/, `mem_${'0'.repeat(26)}`) };
      writeFileSync(file, JSON.stringify({ ...made, federation_key, client_key }), { mode: 0o600 });
      return start(door, file);
    },
  };
}
