import type { SigningAlgorithm } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import type { Call } from '../call.js';
import type { AuthorityKeyRow, AuthorityRow } from '../registry.js';
import { newRow } from './change-keys.js';

/** A fresh key in case no other one can sign; undefined when the custody makes none now. */
export async function spareKey(call: Call, { id: authorityId, keyAlg }: AuthorityRow): Promise<AuthorityKeyRow | undefined> {
  const id = newId('key');
  const made = await call.custody.generate(id, keyAlg as SigningAlgorithm).catch(() => undefined);
  return made && newRow(id, authorityId, made, call.now(), true);
}

/** The key that signs from now on: the oldest staged one that opens, else the spare; undefined when none can sign. */
export async function heirAmong(call: Call, keys: readonly AuthorityKeyRow[], spare: AuthorityKeyRow | undefined): Promise<AuthorityKeyRow | undefined> {
  for (const key of [...keys.filter(({ state }) => state === 'staged'), ...(spare ? [spare] : [])])
    if (await opens(call, key)) return { ...key, state: 'active', activeAt: call.now() };
  return undefined;
}

const opens = ({ custody }: Call, key: AuthorityKeyRow): Promise<boolean> =>
  custody
    .signer({ ...key, alg: key.alg as SigningAlgorithm })
    .then(({ sign }) => sign(new TextEncoder().encode('holdfast: can this key sign?')))
    .then(
      () => true,
      () => false,
    );
