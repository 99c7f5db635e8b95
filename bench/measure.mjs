// Ratios in one run, medians of three, the baseline beside: absolute figures depend on the machine, ratios much less.
import { generateKeyPairSync } from 'node:crypto';

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Microseconds per call of each variant, interleaved in blocks so that a noisy neighbour hits all alike; the best block counts. */
export async function interleaved(variants, { blocks = 30, calls = 2000 } = {}) {
  const best = Object.fromEntries(Object.keys(variants).map((name) => [name, Number.POSITIVE_INFINITY]));
  for (let block = 0; block < blocks; block++) {
    for (const [name, call] of Object.entries(variants)) {
      const start = performance.now();
      for (let n = 0; n < calls; n++) {
        const answer = call(n);
        if (answer instanceof Promise) await answer;
      }
      best[name] = Math.min(best[name], ((performance.now() - start) * 1000) / calls);
    }
  }
  return best;
}

/** The median over three runs of `measure`, which gives an object of numbers. */
export async function thrice(measure) {
  const runs = [await measure(), await measure(), await measure()];
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
}

let missed = 0;
export const title = (text) => console.log(`\n${text}`);
export const say = (text) => console.log(`  ${text}`);
/** Print a figure with its goal. `atLeast` or `atMost`. */
export function judge(text, value, { atLeast, atMost }) {
  const met = atLeast === undefined ? value <= atMost : value >= atLeast;
  if (!met) missed++;
  console.log(`  ${met ? 'met   ' : 'MISSED'}  ${text}: ${value.toFixed(2)} (goal ${atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`})`);
}
export const goalsMissed = () => missed;

/** Bytes of a coordinate. */
const P256 = 32;

/**
 * A key of nobody else's: those that bring one that another brings are enrolled one after the other. It is read out of its DER, because Node
 * 20 now and then waits for itself for ever in `export({ format: 'jwk' })` of a pair made like this (once in some ten thousand).
 */
export function newKey() {
  const { publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const [x, y] = [publicKey.subarray(-2 * P256, -P256), publicKey.subarray(-P256)].map((bytes) => bytes.toString('base64url'));
  return { kty: 'EC', crv: 'P-256', x, y, kid: 'signing', alg: 'ES256', use: 'sig' };
}
