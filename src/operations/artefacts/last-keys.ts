import type { SigningAlgorithm } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { Deployment } from '../call.js';
import { expectTrustedClock } from '../clock/trusted-clock.js';
import { NO_BUNDLES } from '../entitlements/effective.js';
import type { AuthorityKeyRow, AuthorityRow } from '../registry.js';
import { expectConfirmed } from './expect-confirmed.js';
import { type Issuer, signedHistoricalKeys } from './publish.js';

/** Signed last, first: whoever knows the authority knows that key, or finds it among the historical ones. */
const lastFirst = (a: AuthorityKeyRow, b: AuthorityKeyRow): number =>
  Number(b.state === 'active') - Number(a.state === 'active') || (b.activeAt ?? 0) - (a.activeAt ?? 0) || (b.stagedAt ?? 0) - (a.stagedAt ?? 0);

/**
 * What an authority that has stopped still says, signed by the last of its published keys that can. One that was merely
 * superseded vouches on; one that was compromised, or revoked for nobody knows what, does not.
 * @param keys as they are from now on
 * @param published the keys before that, to choose from
 * @returns undefined when no such key is left
 * @throws Error when one is left, and cannot sign now
 */
export async function signedWithLastKey(
  deployment: Deployment,
  authority: AuthorityRow,
  keys: readonly AuthorityKeyRow[],
  published: readonly AuthorityKeyRow[],
  sign: (issuer: Issuer) => Promise<NewArtefact>,
): Promise<NewArtefact | undefined> {
  await expectTrustedClock(deployment);
  await expectConfirmed(deployment);
  const fit = published.filter(
    ({ activeAt, stagedAt, revokedReason }) => (activeAt ?? stagedAt) !== null && (revokedReason === null || revokedReason === 'superseded'),
  );
  let failed: unknown;
  for (const key of fit.sort(lastFirst))
    try {
      const signer = await deployment.custody.signer({ ...key, alg: key.alg as SigningAlgorithm });
      return await sign({ authority, keys, policy: undefined, bundles: NO_BUNDLES, signer });
    } catch (error) {
      failed ??= error;
    }
  if (failed !== undefined) throw failed;
  return undefined;
}

/** Its historical keys, as they stay (OpenID Federation 1.0 §8.7). */
export const signedLastKeys = (
  deployment: Deployment,
  authority: AuthorityRow,
  keys: readonly AuthorityKeyRow[],
  published: readonly AuthorityKeyRow[] = keys,
): Promise<NewArtefact | undefined> => signedWithLastKey(deployment, authority, keys, published, (issuer) => signedHistoricalKeys(deployment, issuer));
