import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { crawlSlice, startCrawl } from '../../src/operations/resolving/crawl.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const HONEST = 'https://honest.example.com';
const HOUR = 3600;
const hostile = (n: number): string => `https://slow${n}.example.com`;
const wellKnown = (id: string): string => `${id}/.well-known/openid-federation`;
const askedOf = (d: TestDeployment, id: string): number => d.asked.filter((url) => url.startsWith(`${id}/`)).length;
const dueOf = async (d: TestDeployment, id: string) => (await d.rows(`SELECT due_at, attempts, line FROM known_entity WHERE entity_id = '${id}'`))[0];

/** One member that has a verdict, then many others, some of them members, that are due sooner and do not answer. */
async function crowd(members: number, crawled: number): Promise<TestDeployment> {
  const d = await testDeployment();
  const honest = await testMember(HONEST);
  d.network.set(wellKnown(HONEST), await honest.configuration({ exp: NOW + 2 * HOUR }));
  await d.admin('POST', '/authorities/main/members', { entity_id: HONEST, jwks: honest.jwks, activate: true });
  await discoveryTurn(d.deployment, { more: () => true });
  for (let n = 0; n < members; n++) await d.admin('POST', '/authorities/main/members', { entity_id: hostile(n), jwks: honest.jwks, activate: true });
  await d.execute(`INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at)
    SELECT a.id, 'https://slow' || j.value || '.example.com', 'crawl', '[]', '{}', '[]', ${NOW - 100} FROM authority AS a, json_each('${JSON.stringify(
      Array.from({ length: crawled }, (_, n) => members + n),
    )}') AS j`);
  d.clock = NOW + 2 * HOUR - 600;
  d.network.set(wellKnown(HONEST), await honest.configuration({ iat: d.clock, exp: d.clock + 2 * HOUR }));
  d.asked.length = 0;
  return d;
}

/** The clock that budgets are measured with runs on as soon as one of these is asked, and not by itself: a busy machine has as much time. */
function slowly(d: TestDeployment, milliseconds: number) {
  let passed = 0;
  const begun = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => begun + passed);
  onTestFinished(() => clock.mockRestore());
  const { outbound } = d.deployment;
  return {
    ...d.deployment,
    outbound: {
      ...outbound,
      get: (request: Parameters<typeof outbound.get>[0]) => {
        if (request.url.startsWith('https://slow')) passed += milliseconds;
        return outbound.get(request);
      },
    },
  };
}

describe('§18.1: those that do not answer, or slowly, are waited for by nobody else', () => {
  it('whatever the number: who has a verdict to lose, members that are new and what crawls have found are begun with together', async () => {
    const d = await crowd(20, 60);
    expect(await evaluateDue(d.deployment, { limit: 16 })).toBe(16);
    expect(askedOf(d, HONEST)).toBe(1);
    const asked = Array.from({ length: 80 }, (_, n) => askedOf(d, hostile(n)) > 0);
    const [members, found] = [asked.slice(0, 20), asked.slice(20)].map((some) => some.filter(Boolean).length);
    expect([Number(members) >= 4, Number(found) >= 2, Number(members) + Number(found)], `${members} and ${found}`).toEqual([true, true, 15]);
    expect(await evaluateDue(d.deployment, { limit: 16 }), 'nobody else has one').toBe(16);
  });
  it('who is slow twice, though it ended well, stands among those that do not answer', async () => {
    const d = await crowd(0, 0);
    const slow = await testMember(hostile(0));
    d.network.set(wellKnown(slow.id), await slow.configuration({ exp: d.clock + 8 * HOUR }));
    await d.admin('POST', '/authorities/main/members', { entity_id: slow.id, jwks: slow.jwks, activate: true });
    const deployment = slowly(d, 6000);
    await evaluateDue(deployment);
    expect(await dueOf(d, slow.id), 'it may have been because of others').toMatchObject({ attempts: 1, line: 1 });
    expect((await dueOf(d, slow.id))?.['due_at'], 'and not sooner').toBeGreaterThan(d.clock + HOUR);
    await d.execute(`UPDATE known_entity SET due_at = ${d.clock} WHERE entity_id = '${slow.id}'`);
    await evaluateDue(deployment);
    expect(await dueOf(d, slow.id)).toMatchObject({ attempts: 2, line: 3 });
    await d.execute(`UPDATE known_entity SET due_at = ${d.clock}`);
    await evaluateDue(d.deployment);
    expect([await dueOf(d, HONEST), await dueOf(d, slow.id)]).toMatchObject([
      { attempts: 0, line: 1 },
      { attempts: 0, line: 1 },
    ]);
  });
  it('a step ends after its time and leaves the rest due; so does a slice of a crawl', async () => {
    const d = await crowd(0, 60);
    d.clock = NOW + 60;
    const deployment = slowly(d, 3000);
    const taken = await evaluateDue(deployment);
    expect(taken).toBeGreaterThanOrEqual(7);
    expect(taken).toBeLessThan(12);
    expect(await d.rows(`SELECT 1 FROM known_entity WHERE due_at <= ${d.clock}`)).toHaveLength(60 - taken);
    await startCrawl(d.call, 'main', ANCHOR);
    await d.execute(`INSERT INTO crawl_entity (job_id, entity_id, superior, depth, state)
      SELECT j.id, k.entity_id, NULL, 1, 'queued' FROM job AS j, known_entity AS k WHERE j.kind = 'crawl' AND j.state = 'running' AND k.entity_id LIKE 'https://slow%' AND k.attempts = 0`);
    expect(await crawlSlice(deployment), 'in two lots of four').toBe(8);
  });
  it('all that one evaluation fetches is asked for by one asker, and no other evaluation is the same', async () => {
    const d = await crowd(3, 3);
    const askers = new Map<string, Set<unknown>>();
    const { outbound } = d.deployment;
    const get: typeof outbound.get = (request) => {
      const host = new URL(request.url).host;
      askers.set(host, (askers.get(host) ?? new Set()).add(request.asker));
      return outbound.get(request);
    };
    await evaluateDue({ ...d.deployment, outbound: { ...outbound, get } });
    const all = [...askers.values()].flatMap((one) => [...one]);
    expect(askers.size).toBe(7);
    expect(all.every((one) => typeof one === 'object')).toBe(true);
    expect(new Set(all).size, 'each subject is on a host of its own').toBe(7);
  });
});
