import { describe, expect, it, vi } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { beginDue, evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { createEvaluating } from '../../src/operations/resolving/evaluating.js';
import { createHostStanding } from '../../src/operations/resolving/host-standing.js';
import { IN_ORDER } from '../../src/operations/resolving/places.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const HOUR = 3600;
const wellKnown = (id: string): string => `${id}/.well-known/openid-federation`;
const enrol = (d: TestDeployment, id: string, jwks: object) => d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, activate: true });
const resolve = (d: TestDeployment, id: string) => d.public(`/resolve?${new URLSearchParams({ sub: id, trust_anchor: ANCHOR })}`);
const rowOf = async (d: TestDeployment, id: string) => (await d.rows(`SELECT * FROM known_entity WHERE entity_id = '${id}'`))[0] as Record<string, number>;
/** Until it comes, however busy the machine is (milliseconds). */
const SOME_TIME = 120_000;
const ALL = { lines: IN_ORDER, most: 1000, careful: false };

/** Entities that are known, as many as that, each on a host of its own. */
async function known(
  d: TestDeployment,
  name: string,
  count: number,
  { source = 'member', line = 0, dueAt = d.clock - 60, evaluatedAt = 'NULL' } = {},
): Promise<void> {
  await d.execute(`INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at, evaluated_at, line)
    SELECT a.id, 'https://${name}' || j.value || '.example.com', '${source}', '[]', '{}', '[]', ${dueAt}, ${evaluatedAt}, ${line} FROM authority AS a, json_each('${JSON.stringify(
      Array.from({ length: count }, (_, n) => n),
    )}') AS j`);
}

/** The deployment with a door behind which those never answer whose host has such a name. */
function hanging(d: TestDeployment, name: string): { readonly deployment: TestDeployment['deployment']; readonly asked: Set<string>; ended(): number } {
  const asked = new Set<string>();
  let ended = 0;
  const { outbound } = d.deployment;
  const get: typeof outbound.get = async (request) => {
    asked.add(new URL(request.url).origin);
    if (!request.url.startsWith(`https://${name}`)) return outbound.get(request);
    await new Promise(() => {});
    ended++;
    return outbound.get(request);
  };
  return { deployment: { ...d.deployment, outbound: { ...outbound, get } }, asked, ended: () => ended };
}

describe('who is evaluated when (OpenID Federation 1.0 §18.1, SE-02): those that do not answer are waited for by nobody', () => {
  it('RE-03: a member that is new has its answer while everyone else who is due hangs, however many, in every line', async () => {
    const d = await testDeployment();
    for (const [line, source] of [
      [0, 'member'],
      [1, 'member'],
      [2, 'crawl'],
      [3, 'crawl'],
    ] as const)
      await known(d, `dead${line}x`, 80, { line, source });
    const world = hanging(d, 'dead');
    const state = createEvaluating();
    while ((await beginDue(world.deployment, state, ALL)).taken > 0);
    const before = 16 + 16 + 8 + 12;
    await vi.waitFor(() => expect(world.asked.size, 'some of each line').toBe(before), SOME_TIME);
    const fresh = await testMember('https://new.example.com');
    d.network.set(wellKnown(fresh.id), await fresh.configuration());
    expect((await enrol(d, fresh.id, fresh.jwks)).status).toBe(201);
    expect((await beginDue(world.deployment, state, ALL)).taken, 'it is the next one, of all of them').toBe(1);
    await vi.waitFor(async () => expect((await resolve(d, fresh.id)).status).toBe(200), SOME_TIME);
    expect([world.asked.size, world.ended()], 'nobody had to end first').toEqual([before + 1, 0]);

    // What an operator changes goes the same way.
    await vi.waitFor(() => expect(state.running.size).toBe(before), SOME_TIME);
    await d.admin('PATCH', `/authorities/main/members/${encodeURIComponent(fresh.id)}`, { metadata: { openid_relying_party: { client_name: 'other' } } });
    expect((await resolve(d, fresh.id)).status).toBe(503);
    expect(await rowOf(d, fresh.id)).toMatchObject({ line: 0, due_at: d.clock });
    expect((await beginDue(world.deployment, state, ALL)).taken).toBe(1);
    await vi.waitFor(async () => expect((await resolve(d, fresh.id)).status).toBe(200), SOME_TIME);
  });

  it('who does not answer is looked at ever more seldom, as seldom at most as one that is well; one answer and all is as before', async () => {
    const d = await testDeployment();
    const rp = await testMember('https://rp.example.com');
    await enrol(d, rp.id, rp.jwks);
    const distances: number[] = [];
    for (let n = 0; n < 13; n++) {
      await evaluateDue(d.deployment);
      const { due_at: dueAt = 0, attempts, line } = await rowOf(d, rp.id);
      expect([attempts, line]).toEqual([n + 1, 3]);
      distances.push(dueAt - d.clock);
      d.clock = dueAt;
    }
    for (const [n, distance] of distances.entries()) {
      const least = Math.min(60 * 2 ** n, 12 * HOUR);
      expect(distance, `after ${n + 1}`).toBeGreaterThanOrEqual(least);
      expect(distance, `after ${n + 1}`).toBeLessThan(least * 1.25 + 1);
    }
    d.network.set(wellKnown(rp.id), await rp.configuration({ iat: d.clock - 5, exp: d.clock + 4 * HOUR }));
    await backgroundTurn(d.deployment, { more: () => true }); // days have passed: our statements are signed anew
    expect((await d.admin('POST', `/authorities/main/entities/${encodeURIComponent(rp.id)}/evaluate`)).json.snapshots[0].state, 'by name: at once').toBe(
      'valid',
    );
    expect(await rowOf(d, rp.id)).toMatchObject({ attempts: 0, line: 1 });
    expect((await resolve(d, rp.id)).status).toBe(200);
  });

  it('an outage: who has an answer to lose is looked at among those that have, a few times; the answer ends at its own end', async () => {
    const d = await testDeployment();
    const rp = await testMember('https://rp.example.com');
    d.network.set(wellKnown(rp.id), await rp.configuration({ exp: NOW + HOUR }));
    await enrol(d, rp.id, rp.jwks);
    await evaluateDue(d.deployment);
    d.network.clear();
    const lines: unknown[] = [];
    d.clock = NOW + HOUR / 2 + 400;
    for (let n = 0; n < 4; n++) {
      await evaluateDue(d.deployment);
      const { due_at: dueAt = 0, line } = await rowOf(d, rp.id);
      lines.push(line);
      if (dueAt < NOW + HOUR) d.clock = dueAt;
    }
    expect(lines).toEqual([1, 1, 1, 3]);
    expect((await resolve(d, rp.id)).status).toBe(200);
    d.clock = NOW + HOUR;
    expect((await resolve(d, rp.id)).status, 'not a second longer').toBe(503);
  });

  it('hosts apart: after a few had no answer the others of the host wait with it, and keep what they had; another host is none of that', async () => {
    const d = await testDeployment();
    const rp = await testMember('https://shared.example.com/tenant');
    d.network.set(wellKnown(rp.id), await rp.configuration({ exp: NOW + HOUR }));
    await enrol(d, rp.id, rp.jwks);
    await evaluateDue(d.deployment);
    await known(d, 'shared.example.com/dead', 40, { line: 3, source: 'crawl' });
    await d.execute("UPDATE known_entity SET entity_id = replace(entity_id, 'dead', 'x/') WHERE line = 3");
    await d.execute("UPDATE known_entity SET entity_id = replace(entity_id, '.example.com', '') || 'z' WHERE line = 3");
    await d.execute("UPDATE known_entity SET entity_id = replace(entity_id, 'https://shared', 'https://shared.example.com') WHERE line = 3");
    d.network.clear();
    const other = await testMember('https://other.example.com');
    d.network.set(wellKnown(other.id), await other.configuration());
    d.asked.length = 0;
    const state = createEvaluating();
    const settled = async () => {
      for (;;) {
        const { taken, moved } = await beginDue(d.deployment, state, ALL);
        if (taken === 0 && !moved && state.running.size === 0) return state.write(d.deployment, true);
        if (state.running.size) await state.rest(1000);
      }
    };
    await settled();
    expect(d.asked.length, 'four at a time, and no more after three in a row').toBeLessThanOrEqual(8);
    expect(await d.rows(`SELECT 1 FROM known_entity WHERE due_at <= ${d.clock}`), 'nobody is in the way').toEqual([]);
    expect((await resolve(d, rp.id)).status).toBe(200);
    // Its own turn comes while its host is silent: it waits with it.
    await d.execute(`UPDATE known_entity SET due_at = ${d.clock} WHERE entity_id = '${rp.id}'`);
    await enrol(d, other.id, other.jwks);
    d.asked.length = 0;
    await settled();
    expect(d.asked).toEqual([wellKnown(other.id)]);
    const waits = await rowOf(d, rp.id);
    expect(waits).toMatchObject({ line: 1, attempts: 0 });
    expect(Number(waits['due_at']) - d.clock).toBeLessThan(300);
    expect((await resolve(d, rp.id)).status).toBe(200);
    // An operator does not wait; and when the host answers, nobody does.
    d.network.set(wellKnown(rp.id), await rp.configuration({ iat: NOW, exp: NOW + 2 * HOUR }));
    d.clock = Number(waits['due_at']) + 1;
    await settled();
    expect(d.asked).toContain(wellKnown(rp.id));
    expect(await rowOf(d, rp.id)).toMatchObject({ line: 1, attempts: 0 });
    d.clock = NOW + 2 * HOUR;
    expect((await resolve(d, rp.id)).status, 'fail closed').toBe(503);
  });

  it('strangers with a part of a host do not keep its members from being asked, however many of them hang or take their time', () => {
    const host = 'shared.example.com';
    const hosts = createHostStanding();
    let now = NOW;
    // There is always one that is due in the moment in which the host is asked again.
    for (let n = 0; n < 20; n++) {
      const turn = hosts.turnOf(host, now, 'other');
      if (typeof turn === 'number') now += Math.ceil((turn - now) / 1.1);
      hosts.begin(host, 'other');
      hosts.end(host, 'other', now, false, 20);
    }
    expect(hosts.turnOf(host, now, 'other'), 'who is a stranger waits').toBeGreaterThan(now + 12 * HOUR);
    for (const [reason, longest] of [
      ['member', 6 * 60],
      ['held', 17 * 60],
    ] as const) {
      const turn = Number(hosts.turnOf(host, now, reason));
      expect(turn - now, reason).toBeLessThan(longest);
      expect(hosts.turnOf(host, turn, reason), reason).toBe('now');
    }
    expect(hosts.turnOf(host, now + HOUR, 'other')).not.toBe('now');
    hosts.begin(host, 'member');
    expect(hosts.turnOf(host, now + HOUR, 'member'), 'one at a time').toBeGreaterThan(now + HOUR);
    hosts.end(host, 'member', now + HOUR, true, 20);
    while (hosts.turnOf(host, now, 'other') === 'now') hosts.begin(host, 'other');
    expect(hosts.turnOf(host, now, 'held'), 'a place is left').toBe('now');
  });

  it('what came of those that do not answer is written together, and what is as before not at all', async () => {
    const d = await testDeployment();
    await known(d, 'dead', 12, { line: 3, source: 'crawl' });
    let writes = 0;
    const { store } = d.deployment;
    const write: typeof store.write = (...all) => {
      writes++;
      return store.write(...all);
    };
    const deployment = { ...d.deployment, store: { ...store, write } };
    const round = async () => {
      const state = createEvaluating();
      while ((await beginDue(deployment, state, ALL)).taken > 0 || state.running.size > 0) await Promise.all(state.running);
      await state.write(deployment, true);
    };
    await round();
    expect(await d.rows("SELECT 1 FROM snapshot WHERE state = 'unreachable'")).toHaveLength(12);
    await d.execute(`UPDATE known_entity SET due_at = ${d.clock}`);
    const before = await d.rows('SELECT * FROM snapshot ORDER BY subject');
    d.clock += 30;
    writes = 0;
    await round();
    expect(writes).toBeLessThanOrEqual(2); // the turn, and everyone
    expect(await d.rows('SELECT * FROM snapshot ORDER BY subject')).toEqual(before);
    expect(await d.rows(`SELECT 1 FROM known_entity WHERE attempts = 2 AND evaluated_at = ${d.clock} AND due_at > ${d.clock + 100}`)).toHaveLength(12);
  });

  it('one that cannot be written with the others is put back; they are written', async () => {
    const d = await testDeployment();
    await known(d, 'dead', 5, { line: 3, source: 'crawl' });
    await d.execute(
      `CREATE TRIGGER sabotage BEFORE INSERT ON snapshot WHEN NEW.subject = 'https://dead3.example.com' BEGIN SELECT RAISE(ABORT, 'sabotage'); END`,
    );
    const state = createEvaluating();
    await beginDue(d.deployment, state, ALL);
    await Promise.all(state.running);
    await state.write(d.deployment, true);
    expect(state.errors.map(String).join()).toContain('sabotage');
    expect(await d.rows("SELECT 1 FROM snapshot WHERE state = 'unreachable'")).toHaveLength(4);
    expect(await rowOf(d, 'https://dead3.example.com')).toMatchObject({ lease_until: 0, due_at: d.clock + 300 });
    expect(state.busy.size).toBe(0);
  });

  it('a change while it is asked is not put off by what comes of asking', async () => {
    const d = await testDeployment();
    await known(d, 'dead', 1, { line: 3, source: 'crawl' });
    let go: () => void = () => {};
    const { outbound } = d.deployment;
    const held = new Promise<void>((done) => (go = done));
    const get: typeof outbound.get = async (request) => {
      await held;
      return outbound.get(request);
    };
    const deployment = { ...d.deployment, outbound: { ...outbound, get } };
    const state = createEvaluating();
    await beginDue(deployment, state, ALL);
    await d.execute(`UPDATE known_entity SET due_at = ${d.clock}, lease_until = 0, line = 0`);
    go();
    await Promise.all(state.running);
    await state.write(deployment, true);
    expect(await rowOf(d, 'https://dead0.example.com')).toMatchObject({ line: 0, due_at: d.clock });
  });

  it('what a halted authority knows is passed over once, and due again with its return', async () => {
    const d = await testDeployment();
    await known(d, 'dead', 30, { line: 3, source: 'crawl' });
    expect((await d.admin('POST', '/authorities/main/halt', { reason: 'test' })).status).toBe(200);
    await evaluateDue(d.deployment);
    expect(d.asked).toEqual([]);
    expect(await d.rows(`SELECT 1 FROM known_entity WHERE due_at <= ${d.clock}`), 'nobody stands in the way').toEqual([]);
    expect((await d.admin('POST', '/authorities/main/resume', { reason: 'test' })).status).toBe(200);
    await evaluateDue(d.deployment);
    expect(d.asked.length).toBe(30);
  });
});
