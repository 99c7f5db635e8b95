import { createPrivateKey, sign } from 'node:crypto';
import { byWebCrypto, type OpenKey } from './custody.js';

/**
 * ES256 signs here and now: to hand so little to a thread and back takes this one as long as to do it, and the other one as well.
 * Algorithms that take longer are left to the thread.
 */
export const byNode: OpenKey = async (pem, alg) => {
  if (alg !== 'ES256') return byWebCrypto(pem, alg);
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new TypeError('it is no key for ES256');
  return async (bytes) => new Uint8Array(sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }));
};
