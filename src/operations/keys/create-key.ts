import type { JWK } from 'jose';
import type { SigningAlgorithm } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { allow, type Call } from '../call.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityKeyRow, findAuthority } from '../registry.js';
import { changeKeys, newRow } from './change-keys.js';
import { fromCustody } from './from-custody.js';

export interface KeyInput {
  readonly alg?: SigningAlgorithm | undefined;
  /** A private JWK or PKCS#8 PEM to take over; generated when absent. */
  readonly secret?: JWK | string | undefined;
  /** Publish it at once (default), so that it can sign one configuration lifetime later. */
  readonly stage?: boolean | undefined;
  /** The schedule's: refused where another key is staged already. Several processes ask at once, one of them makes it. */
  readonly onlyNext?: boolean | undefined;
}

/** Make or take over a key. @throws Refusal findings, already_exists; CustodyAway */
export async function createKey(call: Call<AuthorityKeyRow>, slug: string, input: KeyInput): Promise<AuthorityKeyRow> {
  allow(call, 'rotate', slug);
  const { id: authorityId, keyAlg } = await findAuthority(call.store.db, slug);
  const id = newId('key');
  const custody = fromCustody(call.custody);
  const made =
    input.secret === undefined
      ? ({ ok: true, value: await custody.generate(id, input.alg ?? (keyAlg as SigningAlgorithm)) } as const)
      : await custody.adopt(id, input.secret, input.alg);
  if (!made.ok) throw refuseFindings('this key cannot be taken over', made.findings);
  return changeKeys(call, slug, authorityId, async (keys, { configurationExp }) => {
    if (keys.some(({ kid }) => kid === made.value.kid)) throw new Refusal('already_exists', 'the authority has this key already');
    if (input.onlyNext && keys.some(({ state }) => state === 'staged')) throw new Refusal('wrong_state', 'another key is staged already');
    const staged = input.stage !== false;
    const key = { ...newRow(id, authorityId, made.value, call.now(), staged), unseenUntil: staged ? configurationExp : null };
    return { keys: [...keys, key], key, event: input.secret === undefined ? 'key.generated' : 'key.imported' };
  });
}
