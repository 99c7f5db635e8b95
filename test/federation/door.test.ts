import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { type GuardOptions, isReachable, parseAllowed } from '../../src/outbound/address-guard.js';
import { checkUrl } from '../../src/outbound/check-url.js';
import { closedDoor } from '../../src/outbound/closed-door.js';
import { checkHead, fetchFinding, readBody } from '../../src/outbound/read-reply.js';

const TYPE = 'application/entity-statement+jwt';
const request = { url: 'https://e.example/', mediaType: TYPE };
const codes = (result: { ok: boolean; findings?: readonly { code: string }[] } | undefined) => result?.findings?.map(({ code }) => code).join() ?? 'ok';

describe('addresses', () => {
  it('what is no address is never contacted, and nothing throws', () => {
    for (const text of ['', 'nonsense', '1.2.3', '300.1.1.1', '::g']) expect(isReachable(text), text).toBe(text === '1.2.3');
  });
  it('development opens loopback and nothing else', () => {
    const open = (text: string) => isReachable(text, { loopback: true });
    expect(['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1', '169.254.1.1', '1.1.1.1'].map(open)).toEqual([true, true, true, false, false, true]);
  });
  it('link-local stays shut however wide a block is', () => {
    const allowed = ['0.0.0.0/0', '::/0'].map((block) => ipaddr.parseCIDR(block));
    expect(['10.0.0.1', '169.254.169.254', 'fd00::1', 'fe80::1'].map((text) => isReachable(text, { allowed }))).toEqual([true, false, true, false]);
  });
  it('HOLDFAST_OUTBOUND_ALLOW: nothing, empty parts and spaces', () => {
    expect([parseAllowed(undefined), parseAllowed(''), parseAllowed(' , ')]).toEqual([[], [], []]);
    expect(parseAllowed(' 10.1.0.0/16 ,,fd00::/8').map(([address, bits]) => `${address} ${bits}`)).toEqual(['10.1.0.0 16', 'fd00:: 8']);
  });
});

describe('URLs', () => {
  const verdict = (url: string, guard?: GuardOptions) => {
    const result = checkUrl(url, guard);
    return typeof result === 'string' ? (/https:|credentials|address|public name|not a URL/.exec(result)?.[0] ?? result) : 'passes';
  };
  const allowed = parseAllowed('10.1.0.0/16');
  it.each<[string, GuardOptions | undefined, string]>([
    ['http://localhost:1', { loopback: true }, 'passes'],
    ['http://localhost.:1', { loopback: true }, 'passes'],
    ['http://ta.localhost:1', { loopback: true }, 'passes'],
    ['https://ta.localhost', { loopback: true }, 'passes'],
    ['http://[::1]:1', { loopback: true }, 'passes'],
    ['http://notlocalhost:1', { loopback: true }, 'https:'],
    ['http://localhost.example:1', { loopback: true }, 'https:'],
    ['http://1.1.1.1', { loopback: true }, 'https:'],
    ['ftp://127.0.0.1', { loopback: true }, 'https:'],
    ['https://1.1.1.1', { loopback: true }, 'address'],
    ['http://user@127.0.0.1', { loopback: true }, 'credentials'],
    ['https://:pass@a.example', undefined, 'credentials'],
    ['https://1.1.1.1', undefined, 'address'],
    ['https://[2606:4700::1111]', undefined, 'address'],
    ['https://single', undefined, 'public name'],
    ['https://a.test', undefined, 'public name'],
    ['https://a.home.arpa.', undefined, 'public name'],
    ['https://a.tests', undefined, 'passes'],
    ['https://10.1.2.3', { allowed }, 'passes'],
    ['https://10.2.0.1', { allowed }, 'address'],
    ['https://single', { allowed }, 'passes'],
    ['http://10.1.2.3', { allowed }, 'https:'],
    ['https://10.1.2.3', { allowed: [] }, 'address'],
    ['nonsense', undefined, 'not a URL'],
  ])('%s with %j: %s', (url, guard, expected) => expect(verdict(url, guard)).toBe(expected));
});

describe('heads', () => {
  const head = (status: number, headers: Record<string, string> = { 'content-type': TYPE }) => checkHead(request, status, (name) => headers[name]);
  it.each([
    [200, 'ok'],
    [201, 'status_unexpected'],
    [299, 'status_unexpected'],
    [300, 'redirect_refused'],
    [399, 'redirect_refused'],
    [400, 'status_unexpected'],
  ])('%i: %s', (status, code) => expect(codes(head(status))).toBe(code));
  it('what may pass: 408, 425, 429 and 5xx', () => {
    const passing = [400, 401, 403, 404, 407, 408, 409, 410, 424, 425, 426, 428, 429, 430, 499, 500, 503, 599].filter(
      (status) => head(status)?.findings[0]?.transient,
    );
    expect(passing).toEqual([408, 425, 429, 500, 503, 599]);
    expect(head(300)?.findings[0]?.transient).toBe(false);
  });
  it('one encoding among others is one', () => {
    for (const coding of ['', 'identity', 'IDENTITY', 'identity,identity', ' identity , Identity ', ',identity'])
      expect(codes(head(200, { 'content-type': TYPE, 'content-encoding': coding })), coding).toBe('ok');
    for (const coding of ['gzip, identity', 'identity, gzip', 'x'])
      expect(codes(head(200, { 'content-type': TYPE, 'content-encoding': coding }))).toBe('content_encoding_refused');
  });
  it('SE-07: a content type that is missing or another one is told, shortened', () => {
    expect(head(200, {})?.findings[0]).toMatchObject({ code: 'content_type_wrong', detail: expect.stringContaining('"missing"') });
    expect(head(200, { 'content-type': 'x'.repeat(500) })?.findings[0]?.detail.length).toBeLessThan(200);
    expect(codes(head(200, { 'content-type': `${TYPE} ; a=b\n;c=d` }))).toBe('ok');
  });
  it('a finding names the hop, shortened', () => {
    for (const length of [299, 300, 301]) expect(fetchFinding('fetch_failed', 'u'.repeat(length), '').findings[0]?.where).toHaveLength(Math.min(length, 300));
    expect(fetchFinding('fetch_failed', 'u', '').findings[0]?.transient).toBe(false);
  });
});

describe('bodies', () => {
  async function* chunks(...all: readonly (Uint8Array | Error)[]): AsyncIterable<Uint8Array> {
    for (const one of all) {
      if (one instanceof Error) throw one;
      yield one;
    }
  }
  const bytes = (n: number) => new Uint8Array(n).fill(120);
  /** The time of the start, and of each chunk. */
  const read = (body: AsyncIterable<Uint8Array>, times: readonly number[] = [], maxBytes?: number) => {
    const clock = [...times];
    return readBody({ ...request, ...(maxBytes !== undefined && { maxBytes }) }, body, () => clock.shift() ?? 0);
  };
  it('the rate counts after the grace time: n - 1, n, n + 1', async () => {
    const aged = async (age: number, size: number) => codes(await read(chunks(bytes(size)), [1000, 1000 + age]));
    expect([await aged(1999, 1), await aged(2000, 1), await aged(2001, 1)]).toEqual(['ok', 'ok', 'fetch_failed']);
    expect([await aged(3000, 3071), await aged(3000, 3072), await aged(3000, 3073)]).toEqual(['fetch_failed', 'ok', 'ok']);
    expect(await read(chunks(bytes(1)), [0, 3000])).toMatchObject({ findings: [{ transient: true }] });
  });
  it('the size of all chunks together: n - 1, n, n + 1', async () => {
    const sized = async (size: number) => codes(await read(chunks(bytes(5), bytes(size - 5)), [], 10));
    expect([await sized(9), await sized(10), await sized(11)]).toEqual(['ok', 'ok', 'too_large']);
    expect(await read(chunks(bytes(11)), [], 10)).toMatchObject({ findings: [{ transient: false }] });
  });
  it('a character may come in pieces; a mark at the beginning stays; half a character at the end is none', async () => {
    const text = new TextEncoder().encode('\ufeffa€b');
    expect(await read(chunks(text.subarray(0, 5), text.subarray(5, 6), text.subarray(6)))).toEqual({
      ok: true,
      value: { url: request.url, body: '\ufeffa€b' },
    });
    expect(codes(await read(chunks(text.subarray(0, 5))))).toBe('jws_malformed');
    expect(codes(await read(chunks(new Uint8Array([0xff]))))).toBe('jws_malformed');
  });
  it('a connection that breaks is no fault of the body', async () => {
    await expect(read(chunks(bytes(1), new TypeError('terminated')))).rejects.toThrow('terminated');
    await expect(read(chunks(new Error('could not decode the frame')))).rejects.toThrow('frame');
  });
});

it('a closed door says why, to everything', async () => {
  const door = closedDoor('the reason');
  const form = new URLSearchParams();
  for (const result of [await door.get(request), await door.post({ ...request, form })])
    expect(result).toMatchObject({
      ok: false,
      findings: [{ code: 'fetch_refused', where: request.url, detail: expect.stringContaining('the reason'), transient: false }],
    });
});
