import { describe, expect, it, vi } from 'vitest';
import { lookNear } from '../../src/operations/discovery.js';
import { beginDue } from '../../src/operations/resolving/evaluate-due.js';
import { createEvaluating } from '../../src/operations/resolving/evaluating.js';
import { IN_ORDER, SHARES } from '../../src/operations/resolving/places.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

/** Until it comes, however busy the machine is (milliseconds). */
const SOME_TIME = 120_000;
const ALL = { lines: IN_ORDER, most: 1000, careful: false };
const wellKnown = (id: string): string => `${id}/.well-known/openid-federation`;
const resolve = async (d: TestDeployment, id: string) => (await d.public(`/resolve?${new URLSearchParams({ sub: id, trust_anchor: ANCHOR })}`)).status;
const rowOf = async (d: TestDeployment, id: string) => (await d.rows(`SELECT * FROM known_entity WHERE entity_id = '${id}'`))[0] as Record<string, number>;
const enrol = async (d: TestDeployment, id: string, jwks: object, at = 'main') =>
  expect((await d.admin('POST', `/authorities/${at}/members`, { entity_id: id, jwks, activate: true })).status).toBe(201);

/** The deployment with a door behind which those never answer that begin so. */
function hanging(d: TestDeployment, ...beginnings: readonly string[]) {
  const asked: string[] = [];
  const { outbound } = d.deployment;
  const get: typeof outbound.get = async (request) => {
    asked.push(request.url);
    if (beginnings.some((one) => request.url.startsWith(one))) await new Promise(() => {});
    return outbound.get(request);
  };
  return { deployment: { ...d.deployment, outbound: { ...outbound, get } }, asked };
}

/** Lines of an import, in one commit. */
async function imported(d: TestDeployment, ids: readonly string[], jwks: object): Promise<void> {
  const { json } = await d.admin('POST', '/authorities/main/imports', {});
  const lines = ids.map((id) => `${JSON.stringify({ entity_id: id, jwks, activate: true })}\n`).join('');
  const sent = await d.admin('POST', `/authorities/main/imports/${json.id}/lines`, lines, { headers: { 'content-type': 'application/x-ndjson' } });
  expect(sent.status, sent.text).toBe(200);
}

describe('RE-03: a member that is new has its first answer, whatever is dead beside it', () => {
  it('an import of many that hang: they stand in a line of their own, and whoever is enrolled alone in the same second is before them', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example.com');
    const many = Array.from({ length: 60 }, (_, n) => `https://dead${n}.example.com`);
    await imported(d, many, jwks);
    const fresh = await testMember('https://new.example.com');
    d.network.set(wellKnown(fresh.id), await fresh.configuration());
    await enrol(d, fresh.id, fresh.jwks);
    await imported(d, ['https://few1.example.com', 'https://few2.example.com'], jwks);
    expect(await d.rows('SELECT line, count(*) AS n FROM known_entity WHERE evaluated_at IS NULL GROUP BY line ORDER BY line')).toEqual([
      { line: 0, n: 3 },
      { line: 4, n: 60 },
    ]);
    const world = hanging(d, 'https://dead');
    const state = createEvaluating();
    await beginDue(world.deployment, state, ALL);
    await vi.waitFor(async () => expect(await resolve(d, fresh.id)).toBe(200), SOME_TIME);
    const ofTheMany = () => world.asked.filter((url) => url.startsWith('https://dead'));
    // Whoever was begun may be asked a moment after the new one has its answer.
    await vi.waitFor(() => expect(ofTheMany()).toHaveLength(SHARES.many.asked), SOME_TIME);
    await beginDue(world.deployment, state, ALL);
    await state.write(world.deployment, true);
    expect(ofTheMany(), 'and no more of them than have a place').toHaveLength(SHARES.many.asked);
  });

  it('a host that is silent: it is asked all the same, beside the one of the host that is being asked', async () => {
    const d = await testDeployment();
    const at = 'https://shared.example.com';
    const { jwks } = await testMember('https://x.example.com');
    const many = Array.from({ length: 40 }, (_, n) => `${at}/dead${n}`);
    await imported(d, many, jwks);
    const world = hanging(d, `${at}/dead`);
    const state = createEvaluating();
    for (let n = 0; n < 5; n++) {
      state.hosts.begin('shared.example.com', 'other');
      state.hosts.end('shared.example.com', 'other', d.clock - 400, false, 3);
    }
    while ((await beginDue(world.deployment, state, ALL)).moved);
    const ofTheHost = () => world.asked.filter((url) => url.startsWith(`${at}/dead`));
    await vi.waitFor(() => expect(ofTheHost(), 'one of them').toHaveLength(1), SOME_TIME);
    expect(await d.rows(`SELECT 1 AS due FROM known_entity WHERE due_at <= ${d.clock} AND entity_id LIKE '${at}/%'`), 'the others wait').toHaveLength(1);
    const fresh = await testMember(`${at}/new`);
    d.network.set(wellKnown(fresh.id), await fresh.configuration());
    await enrol(d, fresh.id, fresh.jwks);
    await beginDue(world.deployment, state, ALL);
    await vi.waitFor(async () => expect(await resolve(d, fresh.id)).toBe(200), SOME_TIME);
    expect(ofTheHost(), 'and none of the others meanwhile').toHaveLength(1);
  });

  it('whoever was told to wait for its host does not stand before those who come later', async () => {
    const d = await testDeployment();
    const at = 'https://shared.example.com';
    const { jwks } = await testMember('https://x.example.com');
    for (const n of [1, 2, 3]) await enrol(d, `${at}/${n}`, jwks);
    const world = hanging(d, at);
    const state = createEvaluating();
    const before = [state.hosts.turnOf('shared.example.com', d.clock, 'new'), world.asked.length];
    expect(before).toEqual(['now', 0]);
    for (let n = 0; n < 4; n++) state.hosts.end('shared.example.com', 'new', d.clock, false, 3);
    await beginDue(world.deployment, state, ALL);
    expect(await rowOf(d, `${at}/3`), 'it is there for the next place').toMatchObject({ line: 0, due_at: d.clock });
    d.clock += 11;
    await beginDue(world.deployment, state, ALL);
    const row = await rowOf(d, `${at}/1`);
    const other = await rowOf(d, `${at}/3`);
    const waits = [row, other].find(({ line }) => line === 4);
    expect(waits?.['due_at']).toBeGreaterThan(d.clock);
  });

  it('members that answer and have a superior that hangs: they leave their places to it while they wait', async () => {
    const d = await testDeployment();
    const key = await testKey();
    const count = SHARES.changed.places + 2;
    for (let n = 0; n < count; n++) {
      const one = await testMember(`https://below${n}.example.com`, key);
      d.network.set(wellKnown(one.id), await one.configuration({ authority_hints: ['https://dead.example.com', ANCHOR] }));
      await enrol(d, one.id, one.jwks);
    }
    const world = hanging(d, 'https://dead');
    const state = createEvaluating();
    await beginDue(world.deployment, state, ALL);
    await vi.waitFor(() => expect(state.places.taken).toBeGreaterThanOrEqual(SHARES.changed.places), SOME_TIME);
    const fresh = await testMember('https://new.example.com');
    d.network.set(wellKnown(fresh.id), await fresh.configuration());
    await enrol(d, fresh.id, fresh.jwks);
    await beginDue(world.deployment, state, ALL);
    await vi.waitFor(async () => expect(await resolve(d, fresh.id)).toBe(200), SOME_TIME);
    // It has ended a moment after its answer is there.
    await vi.waitFor(() => expect(state.running.size).toBeLessThanOrEqual(count), SOME_TIME);
    await beginDue(world.deployment, state, ALL);
    expect(state.running.size, 'nobody else has ended').toBe(count);
  });

  it('below an intermediate of this deployment: what is near asks nobody, and it stands before all others above, too', async () => {
    const d = await testDeployment();
    const BELOW = 'https://below.example.org';
    await d.admin('POST', '/authorities', { slug: 'below', entity_id: BELOW, authority_hints: [ANCHOR] });
    const [{ jwks } = { jwks: '' }] = await d.rows(`SELECT m.jwks FROM member AS m WHERE m.entity_id = '${BELOW}'`);
    expect(jwks).toBe('');
    const { json } = await d.admin('GET', '/authorities/below/keys');
    await d.admin('POST', '/authorities/main/members', {
      entity_id: BELOW,
      jwks: { keys: json.items.map((one: { jwk: object }) => one.jwk) },
      intermediate: true,
      activate: true,
    });
    const state = createEvaluating();
    const settle = async () => {
      while ((await beginDue(d.deployment, state, ALL)).taken > 0 || state.running.size > 0) await Promise.all(state.running);
    };
    await settle();
    await lookNear(d.deployment);
    await settle();
    const fresh = await testMember('https://new.example.com');
    d.network.set(wellKnown(fresh.id), await fresh.configuration({ authority_hints: [BELOW] }));
    await enrol(d, fresh.id, fresh.jwks, 'below');
    d.asked.length = 0;
    await lookNear(d.deployment);
    expect(d.asked).toEqual([]);
    expect(
      await d.rows(
        `SELECT k.line, k.source FROM known_entity AS k JOIN authority AS a ON a.id = k.authority_id WHERE a.slug = 'main' AND k.entity_id = '${fresh.id}'`,
      ),
    ).toEqual([{ line: 0, source: 'crawl' }]);
    await settle();
    expect(await resolve(d, fresh.id)).toBe(200);
  });
});
