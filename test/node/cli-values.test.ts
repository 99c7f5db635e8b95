import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { whole } from '../../src/cli/kinds.js';
import { readDuration, readTime } from '../../src/federation/written-time.js';
import { command as run } from '../support/node/command.js';
import { deaf, leaves, needed, placeholderOf, sample } from '../support/node/commands.js';

/** A server that only counts who asks. */
async function counting() {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.writeHead(500).end('{}');
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => void server.close());
  const env = { HOLDFAST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows' };
  return { env, asked: () => asked };
}

const KINDS: Readonly<Record<string, readonly string[]>> = {
  n: ['x', '1.5', '-1', '1e3', ' 1', 'ten', '９'],
  seq: ['x'],
  version: ['x', 'v1', 'latest'],
  duration: ['1x', 'soon', '-1h', '1.5h', 'd', '0', '1h30', '1d1w', 'NaN', 'Infinity', 'null'],
  time: ['tomorrow', '2027-13-01', '2027-02-30', '2027-01-01T09:00:00', '01.02.2027', '2027', 'NaN'],
  'entity-id': ['rp.example.org', 'HTTPS://rp.example.org', 'ftp://x', 'https://'],
  member: ['rp.example.org', 'HTTPS://rp.example.org', 'rp.example.org/x', 'https://rp.example.org?x'],
};
const kindOf = (placeholder: string, path: readonly string[]): string => (placeholder === 'id' && path[0] === 'member' ? 'member' : placeholder);

describe('values', () => {
  it('of every option and argument that takes a number, a time or an identifier: nonsense is refused by an example, exit 2, and nothing is asked', async () => {
    const { env, asked } = await counting();
    const seen = new Set<string>();
    const fails = async (words: readonly string[], bad: string) => {
      const { code, stderr } = await run(words, env);
      expect([code, stderr], words.join(' ')).toEqual([2, expect.stringMatching(/[Ww]rite|entity identifier|is a date/)]);
      expect(stderr).toContain(bad.slice(0, 3));
    };
    for (const { path, command } of leaves(deaf().program)) {
      const words = command.registeredArguments.filter(({ required }) => required).map((one) => sample(kindOf(one.name(), path)));
      for (const { flags, long } of command.options) {
        const kind = placeholderOf(flags);
        if (!Object.hasOwn(KINDS, kind) || !long) continue;
        // All nonsense once for each kind, the first of it everywhere.
        for (const bad of seen.has(kind) ? (KINDS[kind] ?? []).slice(0, 1) : (KINDS[kind] ?? []))
          await fails([...path, ...words, ...needed(command), `${long}=${bad}`], bad);
        seen.add(kind);
      }
      for (const [n, argument] of command.registeredArguments.entries()) {
        const kind = kindOf(argument.name(), path);
        if (!Object.hasOwn(KINDS, kind) || kind === 'n') continue;
        const all = words.length > n ? words.map((one, at) => (at === n ? (KINDS[kind]?.[0] ?? '') : one)) : [...words, KINDS[kind]?.[0] ?? ''];
        await fails([...path, ...all, ...needed(command)], KINDS[kind]?.[0] ?? '');
      }
    }
    expect([...seen].sort()).toEqual(expect.arrayContaining(['duration', 'entity-id', 'n', 'time', 'version']));
    expect(asked()).toBe(0);
  });
  it('no option takes a number that is named otherwise', () => {
    const named = leaves(deaf().program).flatMap(({ path, command }) => command.options.map(({ flags }) => `${path.join(' ')} ${flags}`));
    expect(named.filter((one) => /<(?:seconds|days|count|number|date|until)/.test(one))).toEqual([]);
  });
  it('reach the server as numbers, or as null where the word for none was written', async () => {
    const bodies: object[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        bodies.push(JSON.parse(text) as object);
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    onTestFinished(() => void server.close());
    const env = { HOLDFAST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, HOLDFAST_ADMIN_TOKEN: 'x' };
    const sent = async (...words: string[]) => {
      const { code, stderr } = await run(['--json', ...words], env);
      expect(code, stderr).toBe(0);
      return bodies.at(-1);
    };
    const type = 'https://marks.example.org/a';
    expect(await sent('mark', 'type', 'change', type, '--lifetime', 'none')).toEqual({ lifetime: null });
    expect(await sent('mark', 'type', 'change', type, '--lifetime', '30d')).toEqual({ lifetime: 2_592_000 });
    expect(await sent('authority', 'change', 'main', '--key-rotation', 'off', '--statement-lifetime', '1h')).toEqual({
      key_rotation: null,
      statement_lifetime: 3600,
    });
    expect(await sent('authority', 'change', 'main', '--key-rotation', '90d')).toEqual({ key_rotation: 7_776_000 });
    expect(await sent('mark', 'grant', type, 'mem_x', '--valid-until', '2027-01-01')).toMatchObject({ valid_until: Date.UTC(2027, 0, 1) / 1000 });
    expect(await sent('mark', 'type', 'delegate', type, 'https://i.example.org', '--lifetime', '1d')).toMatchObject({ lifetime: 86_400 });
    const { expires_at: expires } = (await sent('api-key', 'create', 'k', '--role', 'owner', '--expires', '30d')) as { expires_at: number };
    expect(Math.abs(expires - Date.now() / 1000 - 2_592_000)).toBeLessThan(60);
    expect(await sent('member', 'resume', 'mem_x', '--seen', '3')).toMatchObject({ v: 3 });
  });
  it('spans of time', () => {
    for (const [text, seconds] of Object.entries({
      '90d': 7_776_000,
      '1h30m': 5400,
      '3600': 3600,
      '1w2d': 777_600,
      '45s': 45,
      '12 H': 43_200,
      '2h5min': 7500,
      '1d1s': 86_401,
    }))
      expect(readDuration(text), text).toBe(seconds);
    for (const text of ['', '1', 's', '1hh', '30m1h', '1.5h', '1e3', '0x10', '+1h', '1  h', `${'9'.repeat(30)}d`, '999999999w'].filter((one) => one !== '1'))
      expect(readDuration(text), text).toBeUndefined();
  });
  it('moments: days of the calendar, times with a zone', () => {
    const first = Date.UTC(2027, 0, 1) / 1000;
    for (const text of ['2027-01-01', '2027-01-01T00:00Z', '2027-01-01T00:00:00Z', '2027-01-01t01:00:00+01:00', '2026-12-31 19:00:00.5-05:00', String(first)])
      expect(readTime(text), text).toBe(first);
    for (const text of ['2027-02-29', '2027-1-1', '2027-01-01T24:01:00Z', '2027-01-01T00:00:00', '27-01-01', 'Jan 1 2027', '1969-12-31', '0'])
      expect(readTime(text), text).toBeUndefined();
    expect(readTime('2028-02-29')).toBe(Date.UTC(2028, 1, 29) / 1000);
    expect(whole('007')).toBe(7);
    for (const text of ['1e3', '', '1234567890']) expect(() => whole(text), text).toThrow('whole number');
  });
});

describe('a host without its scheme', () => {
  it('is told what it is short of, wherever an entity is named', async () => {
    for (const words of [
      ['member', 'suspend', 'rp.example.org', '--reason', 'x'],
      ['member', 'enroll', 'HTTPS://rp.example.org'],
      ['resolve', 'rp.example.org'],
      ['preflight', 'rp.example.org'],
      ['inspect', 'rp.example.org'],
      ['anchor', 'pin', 'rp.example.org'],
      ['mark', 'grant', 'https://marks.example.org/a', 'rp.example.org'],
      ['authority', 'create', 'x', '--entity-id', 'rp.example.org'],
    ]) {
      const { code, stderr } = await run(words);
      expect([code, stderr], words.join(' ')).toEqual([2, expect.stringContaining('Did you mean https://rp.example.org?')]);
    }
    const json = await run(['--json', 'member', 'show', 'rp.example.org']);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'entity_id_invalid', detail: expect.stringContaining('https://rp.example.org?') } });
  });
});
