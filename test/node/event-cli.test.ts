import { describe, expect, it, vi } from 'vitest';
import { timeOf } from '../../src/cli/event.js';
import { listEvents } from '../../src/operations/events/list-events.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { carriedOut } from '../support/node/carried-out.js';
import { cliOn } from '../support/node/cli-on.js';

const A = '/authorities/main';
const X = 'https://x.example.org';

/** What SQLite does for the statements that look into events. */
async function stepsOf(d: TestDeployment, act: () => Promise<unknown>): Promise<readonly string[]> {
  const { reader } = d.store as NodeStore;
  const seen = await carriedOut({ reader }, act);
  return seen
    .filter((sql) => /from "?event"?/i.test(sql))
    .flatMap((sql) => {
      const nothing = Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => 1);
      return (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...nothing) as { detail: string }[]).map(({ detail }) => detail);
    });
}

describe('the trail is searched by index, however long it is', () => {
  const cases: Record<string, [object, RegExp]> = {
    'a time': [{ since: NOW - 10, until: NOW + 10 }, /COVERING INDEX event_at \(authority_id=\? AND at>\? AND at<\?\)/],
    'an actor': [{ actor: 'night' }, /INDEX event_actor \(authority_id=\? AND actor_id=\?\)/],
    'an actor, newest first, behind a cursor': [
      { actor: 'night', newest: true, cursor: '9' },
      /INDEX event_actor \(authority_id=\? AND actor_id=\? AND seq<\?\)/,
    ],
    'an actor in a time': [{ actor: 'night', since: NOW + 1, until: NOW + 9 }, /INDEX event_actor \(authority_id=\? AND actor_id=\? AND seq>\?\)/],
    'a type': [{ type: ['member.suspended'] }, /INDEX event_type \(authority_id=\? AND type=\?\)/],
    'several types, newest first': [{ type: ['member.suspended', 'member.revoked'], newest: true }, /INDEX event_type \(authority_id=\? AND type=\?\)/],
    'a subject': [{ subject: 'org_1' }, /INDEX event_subject \(authority_id=\? AND subject_id=\?\)/],
    'no filter': [{ newest: true }, /INDEX sqlite_autoindex_event_1 \(authority_id=\?\)/],
  };
  it('each filter by its own', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/api-keys', { name: 'night', role: 'operator' });
    await d.admin('PATCH', A, { statement_lifetime: 3600 });
    d.clock += 5;
    await d.admin('PATCH', A, { statement_lifetime: 7200 });
    for (const [what, [filter, plan]] of Object.entries(cases)) {
      const steps = await stepsOf(d, () => listEvents(d.call, 'main', { limit: 100, ...filter }));
      expect(
        steps.some((step) => plan.test(step)),
        `${what}: ${steps.join('; ')}`,
      ).toBe(true);
      expect(
        steps.filter((step) => /^SCAN event|TEMP B-TREE/.test(step)),
        what,
      ).toEqual([]);
    }
  });
});

describe('event list', () => {
  it('who suspended X in March: one command, with names', async () => {
    const d = await testDeployment();
    const { token } = (await d.admin('POST', '/api-keys', { name: 'night-shift', role: 'operator' })).json;
    await d.admin('POST', `${A}/members`, { entity_id: X, jwks: (await testMember(X)).jwks, activate: true });
    d.clock = Date.parse('2027-03-17T09:00:00Z') / 1000;
    await d.admin('POST', `${A}/members/${encodeURIComponent(X)}/suspend`, { reason: 'late fee' }, { token });
    const cli = cliOn(d);
    const question = ['event', 'list', '--member', X, '--type', 'member.suspended', '--since', '2027-03-01', '--until', '2027-04-01'];
    const told = await cli(...question);
    expect(told).toMatchObject({ code: 0, stderr: '' });
    expect(told.stdout.trim().split('\n')).toHaveLength(2);
    expect(told.stdout).toMatch(/2027-03-17 09:00:00Z.*member\.suspended +member https:\/\/x\.example\.org +night-shift +late fee/);
    expect(JSON.parse((await cli('--json', ...question)).stdout).items).toMatchObject([{ actor: { name: 'night-shift' }, subject: { name: X } }]);
    const [first, next] = [await cli('event', 'list', '--newest', '--limit', '1'), await cli('event', 'list', '--limit', '1')];
    expect(first.stdout).toContain('member.suspended');
    expect(first.stderr).toMatch(/--after \d+/);
    expect(next.stdout).toContain('authority.created');
    const behind = /--after (\d+)/.exec(first.stderr)?.[1] ?? '';
    expect((await cli('event', 'list', '--newest', '--limit', '1', '--after', behind)).stdout).not.toContain('member.suspended');
    expect((await cli('event', 'list', '--deployment', '--actor', 'first owner')).stdout).toMatch(/api_key\.created +api_key night-shift +first owner/);
    expect(await cli('event', 'list', '--member', X, '--until', '2027-01-01', '--type', 'member.suspended')).toMatchObject({ code: 0, stdout: '' });
    expect(await cli('event', 'list', '--actor', 'nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('no API key has this id or name') });
    expect((await cli('event', 'list', '--deployment', '--member', X)).code).toBe(2);
    expect(await cli('event', 'list', '--since', 'March')).toMatchObject({ code: 2, stderr: expect.stringContaining('2027-03-01') });
  });
  it('reads times as people write them, and refuses what is none', () => {
    expect(timeOf('2027-03-01', '--since')).toBe(Date.UTC(2027, 2, 1) / 1000);
    expect(timeOf('2027-03-01T12:00:00+02:00', '--since')).toBe(Date.UTC(2027, 2, 1, 10) / 1000);
    expect(timeOf('2028-02-29', '--since')).toBe(Date.UTC(2028, 1, 29) / 1000);
    expect(['7d', '12h', '30min', '5s', '2w'].map((text) => 2_000_000 - timeOf(text, '--since', 2_000_000))).toEqual([604_800, 43_200, 1800, 5, 1_209_600]);
    for (const text of [
      '',
      'March',
      '2027-02-29',
      '2027-13-01',
      '2027-00-10',
      '2027-03-00',
      '27-03-01',
      '7',
      '-7d',
      '7y',
      '1e3',
      '2027-03-01T12:00',
      '1969-01-01',
    ])
      expect(() => timeOf(text, '--since'), text).toThrow(/--since is a date/);
  });
});

/** A server that may be away, and how often it was asked. */
function door() {
  const state = { away: false, asked: 0 };
  const came = {
    get it() {
      state.asked++;
      return state.away;
    },
  };
  /** Until it was asked so many times more: what was asked before the last one has been answered by then. */
  const asks = async (more: number) => {
    const { asked } = state;
    await vi.waitFor(() => expect(state.asked).toBeGreaterThanOrEqual(asked + more), 60_000);
  };
  return { state, came, asks };
}
/** Where the chain ends and its last events, and then, each time, whether the chain is the same and what is new. */
const [BEGINNING, LOOK] = [2, 2];

it('event tail shows the last events and then each as it happens, one a line, while the server is away too, and ends quietly', async () => {
  const d = await testDeployment();
  const { state, came, asks } = door();
  const cli = cliOn(d, {}, came);
  const ended = cli('--json', 'event', 'tail', '--last', '1', '--interval', '1');
  await asks(BEGINNING + 1);
  await d.admin('POST', `${A}/members`, { entity_id: X, jwks: (await testMember(X)).jwks, activate: true });
  await asks(LOOK + 1);
  state.away = true;
  await d.admin('POST', `${A}/members/${encodeURIComponent(X)}/suspend`, { reason: 'late fee' });
  await asks(1);
  state.away = false;
  await asks(LOOK + 1);
  expect(process.listenerCount('SIGTERM')).toBeGreaterThan(0);
  process.emit('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one) as { seq: number; type: string });
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, n) => (events[0]?.seq ?? 0) + n));
  expect(events[0]?.type).toBe('authority.created');
  expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['member.enrolled', 'member.suspended']));
  expect(stderr).toMatch(/does not answer[\s\S]*Waiting for it; nothing is missed\.\nIt answers again\.\n$/);
});

it('event tail ends when the chain is another one: another server answers, or a backup was restored', async () => {
  const d = await testDeployment();
  for (const name of ['A', 'B']) await d.admin('POST', `${A}/organizations`, { legal_name: name });
  const { came, asks } = door();
  const ended = cliOn(d, {}, came)('event', 'tail', '--last', '0', '--interval', '1');
  await asks(BEGINNING + 1);
  await d.execute("UPDATE event SET hash = 'another' WHERE seq = 3");
  await d.admin('POST', `${A}/organizations`, { legal_name: 'C' });
  expect(await ended).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('has another event chain than before: event 3') });
});
