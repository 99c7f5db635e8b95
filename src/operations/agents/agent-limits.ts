import { Refusal } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';

/** How many agents a member may have, and for how long. */
export interface AgentLimits {
  /** At once. */
  readonly living: number;
  /** Made within a day. */
  readonly perDay: number;
  /** Seconds that one is made or renewed for at most. */
  readonly life: number;
}

const DAY = 86_400;
export const DEFAULT_LIMITS: AgentLimits = { living: 100, perDay: 100, life: 30 * DAY };
export const MOST_AGENTS = 10_000;
const SHORTEST_LIFE = 60;
const LONGEST_LIFE = 366 * DAY;

/** @throws Refusal invalid_request */
export function expectLimits({ living, perDay, life }: AgentLimits): void {
  for (const [name, value] of [
    ['max_agents', living],
    ['max_per_day', perDay],
  ] as const)
    if (!Number.isInteger(value) || value < 0 || value > MOST_AGENTS) throw new Refusal('invalid_request', `${name}: 0 to ${MOST_AGENTS}`);
  if (!Number.isInteger(life) || life < SHORTEST_LIFE || life > LONGEST_LIFE)
    throw new Refusal('invalid_request', `max_life: ${SHORTEST_LIFE} to ${LONGEST_LIFE} seconds (${LONGEST_LIFE / DAY} days)`);
}

export const limitsOf = ({ agentsLiving, agentsPerDay, agentsLife }: AuthorityRow): AgentLimits => ({
  living: agentsLiving ?? 0,
  perDay: agentsPerDay ?? 0,
  life: agentsLife ?? 0,
});

/** Is there no more of anything? */
export const limitsWidened = (before: AgentLimits, after: AgentLimits): readonly string[] => [
  ...(after.living > before.living ? ['max_agents'] : []),
  ...(after.perDay > before.perDay ? ['max_per_day'] : []),
  ...(after.life > before.life ? ['max_life'] : []),
];

/** As events and proposals say them. */
export const limitsInWords = ({ living, perDay, life }: AgentLimits) => ({ max_agents: living, max_per_day: perDay, max_life: life });

/** The same with whose they are, as a proposal found them. */
export const keptInWords = (row: AuthorityRow) => ({ ...limitsInWords(limitsOf(row)), kept_by: row.agentsBy });
