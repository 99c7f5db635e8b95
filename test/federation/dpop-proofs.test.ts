import { base64url, calculateJwkThumbprint } from 'jose';
import { expect, it } from 'vitest';
import { dpopProofs } from '../../src/rp/resource-server/dpop.js';
import { spentOnce } from '../../src/rp/spent.js';
import { type JoseKey, joseKey } from '../support/jose-federation.js';

const RESOURCE = new URL('https://tools.example/mcp');

it('a proof serves once for as long as it could serve, one of a time to come too; and one key takes no room from another', async () => {
  let clock = 1_800_000_000;
  const check = dpopProofs(RESOURCE, () => clock, spentOnce({ perOwner: 3 }));
  const ath = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('token'))));
  const proofOf = (key: JoseKey, jti: string, iat = clock) => key.sign('dpop+jwt', { jti, htm: 'GET', htu: RESOURCE.href, iat, ath }, { jwk: key.jwk });
  const ask = async (key: JoseKey, proof: string) =>
    (await check('token', { jkt: await calculateJwkThumbprint(key.jwk) }, { method: 'GET', path: '/mcp', proof })) ?? 'ok';
  const [key, other] = [await joseKey(), await joseKey()];
  const early = await proofOf(key, 'early', clock + 119);
  expect([await ask(key, early), await ask(key, early)]).toEqual(['ok', 'the proof was used before']);
  for (const jti of ['a', 'b']) expect(await ask(key, await proofOf(key, jti))).toBe('ok');
  expect(await ask(key, await proofOf(key, 'c')), 'it has no room left').toBe('the proof was used before');
  expect(await ask(other, await proofOf(other, 'c')), 'another one has').toBe('ok');
  clock += 200;
  for (const jti of ['d', 'e']) expect(await ask(key, await proofOf(key, jti)), 'what could not serve any more makes room').toBe('ok');
  expect(await ask(key, early), 'this one still could').toBe('the proof was used before');
  clock += 39;
  expect(await ask(key, early)).toBe('the proof was used before');
  clock += 1;
  expect(await ask(key, early)).toBe('the proof is not of now');
});
