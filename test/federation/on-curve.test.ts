import { generateKeyPair, exportJWK } from 'jose';
import { expect, it } from 'vitest';
import { isOnCurve } from '../../src/federation/on-curve.js';

const P = {
  'P-256': 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  'P-384': 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  'P-521': 2n ** 521n - 1n,
} as const;
const bytes = (text = ''): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64url'));
const number = (of: Uint8Array): bigint => BigInt(`0x${Buffer.from(of).toString('hex')}`);
const written = (value: bigint, length: number): Uint8Array => Uint8Array.from(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex'));

it.each([
  ['ES256', 'P-256', 32],
  ['ES384', 'P-384', 48],
  ['ES512', 'P-521', 66],
] as const)('FIPS 186-4 D.1.2, %s: points that were made are on %s, and what is beside them is not', async (alg, curve, length) => {
  for (let n = 0; n < 4; n++) {
    const { publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    const [x, y] = [bytes(jwk.x), bytes(jwk.y)];
    expect(isOnCurve(curve, x, y)).toBe(true);
    expect(isOnCurve(curve, x, written(P[curve] - number(y), length)), 'its mirror').toBe(true);
    for (const [a, b] of [
      [1n, 0n],
      [0n, 1n],
      [-1n, 0n],
      [0n, -1n],
    ] as const)
      expect(isOnCurve(curve, written(number(x) + a, length), written(number(y) + b, length))).toBe(false);
    expect(isOnCurve(curve, y, x)).toBe(false);
    for (const other of Object.keys(P).filter((name) => name !== curve)) expect(isOnCurve(other, x, y), other).toBe(false);
    expect(isOnCurve('secp256k1', x, y)).toBe(false);
  }
  const zero = new Uint8Array(length);
  expect(isOnCurve(curve, zero, zero)).toBe(false);
});

it('each point has one spelling: coordinates beyond the field are none', async () => {
  // Of P-521 there is room above the prime in 66 bytes.
  const jwk = await exportJWK((await generateKeyPair('ES512', { extractable: true })).publicKey);
  const [x, y] = [bytes(jwk.x), bytes(jwk.y)];
  expect(isOnCurve('P-521', x, y)).toBe(true);
  expect(isOnCurve('P-521', written(number(x) + P['P-521'], 66), y)).toBe(false);
  expect(isOnCurve('P-521', x, written(number(y) + P['P-521'], 66))).toBe(false);
});
