import { platform } from '#test-platform';
import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { askAs, makeAgent, withAgents } from '../support/agents.js';
import { testDeployment } from '../support/deployment.js';

/** What issue and design ask for, where it costs little; elsewhere the same with fewer. */
const MANY = platform === 'node' ? 200 : 8;

it(`${MANY} agents are made, each is a client that servers can read, the next one is refused, and all of them lapse`, async () => {
  const d = await testDeployment();
  const acme = await withAgents(d, { max_agents: MANY, max_per_day: 2 * MANY, max_life: 3600 });
  const clients: string[] = [];
  for (let n = 0; n < MANY; n++) {
    const made = await makeAgent(d, acme, `agent-${n}`);
    expect(made.status, made.text).toBe(201);
    clients.push(made.json.client_id);
    // As fast as one member may ask: one in two seconds.
    d.clock += 2;
  }
  expect((await makeAgent(d, acme, 'one-more')).json).toMatchObject({
    code: 'agents_exhausted',
    detail: `${MANY} agents live, and ${MANY} may at once; retire some, or ask for more`,
  });
  // A turn ends after its time, on a busy machine before all of them were evaluated.
  while ((await discoveryTurn(d.deployment, { more: () => true })).evaluated > 0);
  const answers = await Promise.all(clients.map(async (url) => (await d.public(url)).json));
  expect(answers.filter((one, n) => one?.client_id === clients[n] && one?.scope === 'tools:read')).toHaveLength(MANY);
  // Nobody and no job does anything, and their time comes.
  d.clock += 3600;
  const statuses = await Promise.all(clients.map(async (url) => (await d.public(url)).status));
  expect(new Set(statuses)).toEqual(new Set([404]));
  const { json } = await askAs(d, acme, 'GET', '/agents?limit=1000');
  expect([json.items.length, json.agents, new Set(json.items.map(({ state }: { state: string }) => state))]).toEqual([MANY, 0, new Set(['ended'])]);
  await backgroundTurn(d.deployment, { more: () => true });
  expect(await d.rows("SELECT state, count(*) AS n FROM member WHERE entity_id LIKE '%/agents/%' GROUP BY state")).toEqual([{ state: 'revoked', n: MANY }]);
  expect((await makeAgent(d, acme, 'one-more')).status, 'there is room again').toBe(201);
});
