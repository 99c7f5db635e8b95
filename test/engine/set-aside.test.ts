import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { crawlSlice, startCrawl } from '../../src/operations/resolving/crawl.js';
import { refreshOwnMarks } from '../../src/operations/marks/own-marks.js';
import { evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { endLeases } from '../../src/operations/resolving/take-entities.js';
import { ANCHOR, NOW, testDeployment, type TestDeployment, testMember } from '../support/deployment.js';

const DAY = 86_400;
const LEASE = 120;
const KILLER = 'https://rp3.example.com';
const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `https://rp${n}.example.com`);

/** Nine members that answer. */
async function federation(): Promise<TestDeployment> {
  const d = await testDeployment();
  for (const id of ids) {
    const member = await testMember(id);
    await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks: member.jwks, activate: true });
    d.network.set(`${id}/.well-known/openid-federation`, await member.configuration({ exp: NOW + 60 * DAY }));
  }
  return d;
}

/**
 * Work as a process does it that ends as soon as the killer is read: nothing is written from then on, nothing comes back.
 * @param others identifiers that end it too
 */
async function live(d: TestDeployment, work: (deployment: TestDeployment['deployment']) => Promise<unknown>, ...others: string[]): Promise<'ended' | 'done'> {
  let end: (why: 'ended') => void = () => {};
  const ended = new Promise<'ended'>((done) => (end = done));
  let dead = false;
  const never = new Promise<never>(() => {});
  const { store, outbound } = d.deployment;
  const mine: TestDeployment['deployment'] = {
    ...d.deployment,
    store: { ...store, write: (statements) => (dead ? never : store.write(statements)), change: (request) => (dead ? never : store.change(request)) },
    outbound: {
      ...outbound,
      async get(request) {
        if ([KILLER, ...others].some((id) => request.url.startsWith(`${id}/`))) {
          dead = true;
          end('ended');
        }
        return dead ? never : outbound.get(request);
      },
    },
  };
  return Promise.race([
    ended,
    work(mine).then(
      () => 'done' as const,
      (error: unknown) => (dead ? 'ended' : Promise.reject(error)),
    ),
  ]);
}

const rowOf = async (d: TestDeployment, id: string) => (await d.rows(`SELECT * FROM known_entity WHERE entity_id = '${id}'`))[0] as Record<string, number>;
const snapshotOf = async (d: TestDeployment, id: string) =>
  (await d.rows(`SELECT * FROM snapshot WHERE subject = '${id}'`))[0] as Record<string, string> | undefined;
const evaluated = async (d: TestDeployment) => (await d.rows("SELECT subject FROM snapshot WHERE state = 'valid'")).length;
const resolve = (d: TestDeployment, id: string) => d.public(`/resolve?${new URLSearchParams({ sub: id, trust_anchor: ANCHOR })}`);

describe('an entity whose evaluation never ends (OpenID Federation 1.0 §18.1)', () => {
  it('the attempt and the time of the next one are noted before anything is asked; a result takes them back', async () => {
    const d = await federation();
    const seen: Record<string, number>[] = [];
    const { outbound } = d.deployment;
    const deployment = {
      ...d.deployment,
      outbound: {
        ...outbound,
        async get(request: Parameters<typeof outbound.get>[0]) {
          if (request.url.startsWith(KILLER)) seen.push(await rowOf(d, KILLER));
          return outbound.get(request);
        },
      },
    };
    await evaluateDue(deployment);
    expect(seen[0]).toMatchObject({ attempts: 1, due_at: d.clock + LEASE, lease_until: d.clock + LEASE });
    expect(await rowOf(d, KILLER)).toMatchObject({ attempts: 0, lease_until: 0 });
  });

  it('those beside it are tried alone and pass; itself is set aside for a day with a finding, its answers withheld; the others never wait for it', async () => {
    const d = await federation();
    await evaluateDue(d.deployment);
    expect((await resolve(d, KILLER)).status).toBe(200);
    await d.execute('UPDATE known_entity SET due_at = 0');
    const told: string[] = [];
    const turn = (deployment: TestDeployment['deployment']) => evaluateDue(deployment, { onSetAside: (id) => told.push(id) });

    expect(await live(d, turn)).toBe('ended');
    expect((await resolve(d, KILLER)).status, 'still no verdict on anyone').toBe(200);
    expect(await live(d, turn), 'nobody takes what is leased').toBe('done');
    d.clock += LEASE + 1;
    expect(await live(d, turn), 'eight were in flight: each is tried alone').toBe('ended');
    d.clock += LEASE + 1;
    expect(await live(d, turn)).toBe('done');
    expect(told).toEqual([KILLER]);

    const row = await rowOf(d, KILLER);
    expect(row['due_at']).toBe(d.clock + DAY);
    const snapshot = await snapshotOf(d, KILLER);
    expect(snapshot?.['state']).toBe('unreachable');
    expect(JSON.parse(snapshot?.['findings'] ?? '')).toMatchObject([{ code: 'evaluation_stopped', clause: 'OpenID Federation 1.0 §18.1', transient: true }]);
    const answer = await resolve(d, KILLER);
    expect([answer.status, answer.json.error]).toEqual([503, 'temporarily_unavailable']);
    expect(await d.rows(`SELECT 1 FROM artefact WHERE kind = 'resolve' AND key = '${KILLER}'`)).toEqual([]);
    expect(await evaluated(d), 'all the others').toBe(ids.length - 1);
    for (const id of ids.filter((one) => one !== KILLER)) expect(await rowOf(d, id)).toMatchObject({ lease_until: 0, attempts: 0 });

    d.clock += DAY - 1;
    await d.execute(`UPDATE known_entity SET due_at = 0 WHERE entity_id <> '${KILLER}'`);
    expect(await live(d, turn), 'a day without it').toBe('done');
    d.clock += 1;
    expect(await live(d, turn), 'tried again').toBe('ended');
    d.clock += LEASE + 1;
    expect(await live(d, turn)).toBe('done');
    expect((await rowOf(d, KILLER))['due_at'], 'two days').toBe(d.clock + 2 * DAY);
    for (const days of [4, 7, 7]) {
      d.clock = Number((await rowOf(d, KILLER))['due_at']);
      await d.execute(`UPDATE known_entity SET due_at = ${d.clock + DAY} WHERE entity_id <> '${KILLER}'`);
      expect(await live(d, turn)).toBe('ended');
      d.clock += LEASE + 1;
      expect(await live(d, turn)).toBe('done');
      expect((await rowOf(d, KILLER))['due_at']).toBe(d.clock + days * DAY);
    }
    d.clock = Number((await rowOf(d, KILLER))['due_at']);
    await d.execute(`UPDATE known_entity SET due_at = 0 WHERE entity_id = '${KILLER}'`);
    await backgroundTurn(d.deployment, { more: () => true }); // weeks have passed: our statements are signed anew
    await evaluateDue(d.deployment);
    expect(await rowOf(d, KILLER), 'mended: as if nothing had been').toMatchObject({ lease_until: 0, attempts: 0 });
    expect((await snapshotOf(d, KILLER))?.['state']).toBe('valid');
  });

  it('an operator evaluates it by name at once', async () => {
    const d = await federation();
    for (let n = 0; n < 3; n++, d.clock += LEASE + 1) await live(d, (one) => evaluateDue(one));
    expect((await snapshotOf(d, KILLER))?.['state']).toBe('unreachable');
    const asked = await d.admin('POST', `/authorities/main/entities/${encodeURIComponent(KILLER)}/evaluate`);
    expect([asked.status, asked.json.snapshots[0].state], asked.text).toEqual([200, 'valid']);
    expect(await rowOf(d, KILLER)).toMatchObject({ lease_until: 0, attempts: 0 });
    expect((await resolve(d, KILLER)).status).toBe(200);
  });

  it('several of them cost an end or two together and one each alone; whoever can be told that all has ended need not wait', async () => {
    const d = await federation();
    const other = 'https://rp4.example.com';
    let ends = 0;
    for (let turns = 0; turns < 8; turns++) {
      if ((await live(d, (one) => evaluateDue(one), other)) === 'ended') ends++;
      await endLeases(d.deployment, true);
    }
    // Whether the second was in flight when the first ended it is the order in which the store answers.
    expect([3, 4]).toContain(ends);
    expect(await evaluated(d)).toBe(ids.length - 2);
    for (const id of [KILLER, other]) expect((await rowOf(d, id))['due_at']).toBe(d.clock + DAY);
  });

  it('an end that has another reason is held against nobody', async () => {
    const d = await federation();
    await live(d, (one) => evaluateDue(one));
    await endLeases(d.deployment, true);
    for (let n = 0; n < 3; n++) {
      expect(await live(d, (one) => evaluateDue(one)), 'alone again').toBe('ended');
      await endLeases(d.deployment, false);
    }
    expect(await snapshotOf(d, KILLER)).toBeUndefined();
  });

  it('one that cannot be stored is put back, and the others have their turn', async () => {
    const d = await federation();
    await d.execute(`CREATE TRIGGER sabotage BEFORE INSERT ON snapshot WHEN NEW.subject = '${KILLER}' BEGIN SELECT RAISE(ABORT, 'sabotage'); END`);
    await expect(evaluateDue(d.deployment)).rejects.toThrow('sabotage');
    expect(await evaluated(d)).toBe(ids.length - 1);
    expect(await rowOf(d, KILLER)).toMatchObject({ lease_until: 0, due_at: d.clock + 300 });
  });

  it('a crawl passes it over', async () => {
    const d = await federation();
    await evaluateDue(d.deployment);
    await d.execute("UPDATE known_entity SET due_at = 9999999999, lease_until = 0, source = 'crawl'");
    await startCrawl(d.call, 'main', undefined);
    let ends = 0;
    for (let slices = 0; slices < 12; slices++) {
      if ((await live(d, (one) => crawlSlice(one))) === 'ended') ends++;
      await endLeases(d.deployment, true);
    }
    expect(ends).toBe(2);
    expect(await d.rows("SELECT entity_id FROM crawl_entity WHERE state = 'failed'")).toEqual([{ entity_id: KILLER }]);
    expect(await d.rows("SELECT state, done, refused FROM job WHERE kind = 'crawl'")).toEqual([{ state: 'done', done: 10, refused: 1 }]);
    expect((await snapshotOf(d, KILLER))?.['findings']).toContain('evaluation_stopped');
  });

  it('an issuer whose mark about us stops the reading is asked once in six hours; a mark that ended goes without it', async () => {
    const d = await testDeployment();
    await d.execute(
      `INSERT INTO own_trust_mark (authority_id, trust_mark_type, iss, bytes, exp, checked_at) SELECT id, 'https://type.example', '${KILLER}', 'x', ${d.clock + DAY}, ${d.clock - DAY} FROM authority`,
    );
    expect(await live(d, (one) => refreshOwnMarks(one))).toBe('ended');
    expect(await live(d, (one) => refreshOwnMarks(one))).toBe('done');
    d.clock += 6 * 3600 + 1;
    expect(await live(d, (one) => refreshOwnMarks(one))).toBe('ended');
    d.clock += DAY;
    expect(await live(d, (one) => refreshOwnMarks(one))).toBe('done');
    expect(await d.rows('SELECT 1 FROM own_trust_mark')).toEqual([]);
  });
});
