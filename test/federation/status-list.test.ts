import { beforeAll, describe, expect, it } from 'vitest';
import {
  compressStatuses,
  limits,
  NOT_BEFORE,
  notBeforeOf,
  packStatuses,
  readStatusList,
  signStatusList,
  statusClaim,
  readStatusReference,
  statusReference,
} from '../../src/federation/entry.js';
import { placesIn, statusAt, type StatusBits, type StatusBytes, unpackStatuses } from '../../src/federation/status-list.js';
import { NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const TA = 'https://anchor.example';
const URI = `${TA}/status-lists/0`;
let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
async function unpacked(bits: StatusBits, lst: string): Promise<StatusBytes> {
  const found = await unpackStatuses({ bits, lst });
  if ('code' in found) throw new Error(found.detail);
  return found;
}
const refusedAs = async (lst: string) => {
  const found = await unpackStatuses({ bits: 2, lst });
  return 'code' in found ? found.code : found.bytes.length;
};

/** The figures and vectors of draft-ietf-oauth-status-list-20: which places are not 0, of how many. */
const VECTORS: readonly (readonly [bits: StatusBits, size: number, values: Readonly<Record<number, number>>, lst: string])[] = [
  [1, 16, { 0: 1, 3: 1, 4: 1, 5: 1, 7: 1, 8: 1, 9: 1, 13: 1, 15: 1 }, 'eNrbuRgAAhcBXQ'],
  [2, 12, { 0: 1, 1: 2, 3: 3, 5: 1, 7: 1, 8: 1, 9: 2, 10: 3, 11: 3 }, 'eNo76fITAAPfAgc'],
  [
    1,
    2 ** 20,
    { 0: 1, 1993: 1, 25460: 1, 159495: 1, 495669: 1, 554353: 1, 645645: 1, 723232: 1, 854545: 1, 934534: 1, 1000345: 1 },
    'eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb',
  ],
  [
    2,
    2 ** 20,
    { 0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3 },
    'eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw',
  ],
  [
    4,
    2 ** 20,
    {
      0: 1,
      1993: 2,
      35460: 3,
      459495: 4,
      595669: 5,
      754353: 6,
      845645: 7,
      923232: 8,
      924445: 9,
      934534: 10,
      1004534: 11,
      1000345: 12,
      1030203: 13,
      1030204: 14,
      1030205: 15,
    },
    'eNrt0EENgDAQADAIHwImkIIEJEwCUpCEBBQRHOy35Li1EjoOQGabAgAAAAAAAAAAAAAAAAAAACC1SQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABADrsCAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADoxaEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIIoCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACArpwKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGhqVkAzlwIAAAAAiGVRAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABx3AoAgLpVAQAAAAAAAAAAAAAAwM89rwMAAAAAAAAAAAjsA9xMBMA',
  ],
];

describe('the compressed byte array (Token Status List, "Compressed Byte Array" and "Test vectors")', () => {
  it.each(VECTORS)('%i bits, %i places: read as the text says, written so that it is read so', async (bits, size, values, lst) => {
    const read = await unpacked(bits, lst);
    expect(placesIn(read)).toBe(size);
    const named = Object.entries(values).map(([idx, value]) => [Number(idx), value] as const);
    expect(hex(read.bytes) === hex(packStatuses(size, bits, named).bytes)).toBe(true);
    const again = await compressStatuses(packStatuses(size, bits, named));
    expect(again.bits).toBe(bits);
    expect(hex((await unpacked(bits, again.lst)).bytes) === hex(read.bytes)).toBe(true);
  });

  it('the figures: from the least significant bit on', () => {
    expect(hex(packStatuses(16, 1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1].entries()).bytes)).toBe('b9a3');
    expect(hex(packStatuses(12, 2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3].entries()).bytes)).toBe('c944f9');
  });

  it('a place that is written twice has the later value; what does not fit is a mistake; out of bounds nothing is said', () => {
    const list = packStatuses(4, 2, [
      [1, 3],
      [1, 1],
    ]);
    expect([0, 1, 2, 3, 4, -1, 0.5].map((idx) => statusAt(list, idx))).toEqual([0, 1, 0, 0, undefined, undefined, undefined]);
    for (const [idx, value] of [
      [4, 1],
      [-1, 1],
      [0.5, 1],
      [0, 4],
      [0, -1],
      [0, 0.5],
    ] as const)
      expect(() => packStatuses(4, 2, [[idx, value]])).toThrow(RangeError);
  });

  it('what is not one ZLIB stream is refused: other formats, cut short, with something behind, empty', async () => {
    const pack = async (format: 'deflate' | 'deflate-raw' | 'gzip', bytes: Uint8Array) =>
      new Uint8Array(await new Response(new Blob([bytes as never]).stream().pipeThrough(new CompressionStream(format))).arrayBuffer());
    const text = (bytes: Uint8Array) =>
      btoa(String.fromCharCode(...bytes))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '');
    const sound = await pack('deflate', new Uint8Array(100));
    expect(await refusedAs(text(sound))).toBe(100);
    const bad = [
      await pack('deflate-raw', new Uint8Array(100)),
      await pack('gzip', new Uint8Array(100)),
      sound.subarray(0, -1),
      sound.subarray(0, 4),
      new Uint8Array([...sound, 1]),
      new Uint8Array([...sound, ...sound.subarray(0, 8)]),
      new Uint8Array(0),
      await pack('deflate', new Uint8Array(0)),
    ];
    for (const [n, bytes] of bad.entries()) expect([n, await refusedAs(text(bytes))]).toEqual([n, 'status_list_invalid']);
    for (const lst of ['', 'a', '=', '*', `${text(sound)}=`, ' eNo']) expect([lst, await refusedAs(lst)]).toEqual([lst, 'status_list_invalid']);
  });

  it('at the limit it is read, above it is not unpacked, however little it takes to say so', async () => {
    const of = async (length: number) => (await compressStatuses({ bits: 8, bytes: new Uint8Array(length) })).lst;
    expect(await refusedAs(await of(limits.MAX_STATUS_LIST_ENTRY_BYTES))).toBe(limits.MAX_STATUS_LIST_ENTRY_BYTES);
    expect(await refusedAs(await of(limits.MAX_STATUS_LIST_ENTRY_BYTES + 1))).toBe('too_large');
    const bomb = await of(64 * 1024 * 1024);
    expect(bomb.length).toBeLessThan(100_000);
    expect(await refusedAs(bomb)).toBe('too_large');
  });
});

describe('a Status List Token ("Validation Rules")', () => {
  const list = () =>
    compressStatuses(
      packStatuses(100, 2, [
        [7, 1],
        [8, 2],
      ]),
    );
  const sound = async () => ({ iss: TA, sub: URI, iat: NOW, exp: NOW + 300, ttl: 15, status_list: await list() });
  const read = (token: unknown, more: object = {}) => readStatusList(token, { now: NOW, uri: URI, jwks: { keys: [key.jwk] }, ...more });
  const codes = async (token: unknown, more: object = {}) => {
    const result = await read(token, more);
    return result.ok ? 'ok' : result.findings.map(({ code, where }) => `${code} ${where}`.trim());
  };

  it('is read: its places, its end, who came back when; by jose signed, and by us', async () => {
    const back = { [NOT_BEFORE]: { '8': NOW - 5, '*': NOW - 10 } };
    for (const token of [
      await key.jwt({ ...(await sound()), ...back }, { typ: 'application/statuslist+jwt' }),
      await signStatusList({ ...(await sound()), ...back }, key),
    ]) {
      const result = await read(token);
      if (!result.ok) throw new Error(JSON.stringify(result.findings));
      const { value } = result;
      expect([value.iat, value.exp, value.ttl, value.size]).toEqual([NOW, NOW + 300, 15, 100]);
      expect([0, 7, 8, 99, 100].map(value.at)).toEqual([0, 1, 2, 0, undefined]);
      expect([value.notBefore(7), value.notBefore(8)]).toEqual([NOW - 10, NOW - 5]);
    }
    const bare = await read(await key.jwt({ sub: URI, iat: NOW, exp: NOW + 1, status_list: await list() }, { typ: 'statuslist+jwt' }));
    expect(bare.ok && [bare.value.ttl, bare.value.notBefore(1)]).toEqual([undefined, undefined]);
  });

  it('is refused with another type, URL, key, time, claim', async () => {
    const by = async (claims: object, header: object = { typ: 'statuslist+jwt' }, own = key) => codes(await own.jwt({ ...(await sound()), ...claims }, header));
    expect(await by({}, { typ: 'JWT' })).toEqual(['typ_wrong header/typ']);
    expect(await by({}, {})).toEqual(['typ_wrong header/typ']);
    expect(await by({}, { typ: 'statuslist+jwt', jwk: key.jwk })).toEqual(['header_not_allowed header/jwk']);
    expect(await by({ sub: `${URI}?time=1` })).toEqual(['subject_mismatch sub']);
    expect(await by({ sub: `${TA}/status-lists/1` })).toEqual(['subject_mismatch sub']);
    const other = await testKey('ES256', key.kid);
    expect(await by({}, { typ: 'statuslist+jwt' }, other)).toEqual(['signature_invalid signature']);
    expect(await by({ exp: NOW })).toEqual(['claim_invalid exp']);
    expect(await by({ iat: NOW - 400, exp: NOW })).toEqual(['expired exp']);
    expect(await by({ iat: NOW + 100, exp: NOW + 200 })).toEqual(['not_yet_valid iat']);
    expect(await by({ exp: undefined })).toEqual(['claim_invalid exp']);
    expect(await by({ ttl: 0 })).toEqual(['claim_invalid ttl']);
    expect(await by({ ttl: '15' })).toEqual(['claim_invalid ttl']);
    for (const bits of [0, 3, 16, '2']) expect(await by({ status_list: { ...(await list()), bits } })).toEqual(['claim_invalid status_list/bits']);
    expect(await by({ status_list: { bits: 2, lst: 'eNo' } })).toEqual(['status_list_invalid status_list/lst']);
    expect(await by({ [NOT_BEFORE]: { '1': 'soon' } })).toEqual([`claim_invalid ${NOT_BEFORE}/1`.replace(/claim_invalid (.{80}).*/, 'claim_invalid $1…/1')]);
    expect(await codes('x'.repeat(limits.MAX_STATUS_LIST_BYTES + 1))).toEqual(['too_large']);
    await expect(readStatusList('a.b.c', { uri: URI, jwks: { keys: [] } } as never)).rejects.toThrow(TypeError);
  });

  it('of the past it has to have been in force then, and may have ended', async () => {
    const token = await signStatusList(await sound(), key);
    const later = { now: NOW + 5000 };
    expect(await codes(token, later)).toEqual(['expired exp']);
    expect(await codes(token, { ...later, time: NOW })).toBe('ok');
    expect(await codes(token, { ...later, time: NOW + 299 })).toBe('ok');
    expect(await codes(token, { ...later, time: NOW + 300 }), 'a server that knows no time answers with what is now').toEqual(['expired exp']);
    expect(await codes(token, { ...later, time: NOW - 1 })).toEqual(['not_yet_valid iat']);
  });

  it('a reference is an object with a URI and an index; anything else is none', () => {
    expect(statusReference(statusClaim({ uri: URI, idx: 5 }))).toEqual({ uri: URI, idx: 5 });
    expect(statusClaim({ uri: URI, idx: 5 })).toEqual({ status_list: { idx: 5, uri: URI } });
    for (const status of [
      undefined,
      null,
      5,
      {},
      { status_list: {} },
      { status_list: { idx: -1, uri: URI } },
      { status_list: { idx: 1.5, uri: URI } },
      { status_list: { idx: '1', uri: URI } },
      { status_list: { idx: 1, uri: '' } },
    ]) {
      expect(statusReference(status)).toBeUndefined();
      // Of what is there and cannot be read it is said that it cannot: it is not taken for what has no status.
      const namesNone = status === undefined || (status !== null && typeof status === 'object' && !('status_list' in status));
      expect(readStatusReference(status).ok, JSON.stringify(status)).toBe(namesNone);
    }
    expect([notBeforeOf({ [NOT_BEFORE]: NOW }), notBeforeOf({ [NOT_BEFORE]: 'x' }), notBeforeOf({}), notBeforeOf(null as never)]).toEqual([
      NOW,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
