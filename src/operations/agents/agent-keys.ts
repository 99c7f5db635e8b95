import type { JwkSet } from '../../federation/entry.js';
import type { Statement } from '../../store/database.js';
import { whileBoundToNoOther } from '../../store/guards.js';
import type { Call } from '../call.js';
import { thumbprintsOf } from '../members/key-binding.js';
import { sharedKeys, whileNoneHaltedMeanwhile } from '../members/shared-keys.js';
import { refuseFindings } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';
import type { AgentConfiguration } from './agent-configuration.js';

/** Those of the agent, and those that it proves itself with as a client. */
export const keysOf = ({ jwks, clientKeys }: AgentConfiguration): readonly JwkSet[] => [jwks, ...(clientKeys ? [clientKeys] : [])];

/**
 * The keys of an agent are nobody else's: none of another member of this deployment, whether that has ended or not, of an
 * authority, or that somebody halted. So are those that it proves itself with as a client.
 * @param id our id of the agent, where it is one already
 * @returns what goes into the commit, which asks again
 * @throws Refusal findings
 */
export async function expectOwnKeys(
  call: Call,
  authority: AuthorityRow,
  entityId: string,
  given: AgentConfiguration,
  id?: string,
): Promise<readonly Statement[]> {
  const { db } = call.store;
  const jwks: JwkSet = { keys: keysOf(given).flatMap(({ keys }) => keys) };
  const found = (await sharedKeys(db, authority, [{ entityId, jwks }])).get(entityId) ?? [];
  if (found.length) throw refuseFindings('an agent has keys of its own, which nobody had before', found);
  return [
    ...(await thumbprintsOf(jwks)).map((one) => whileBoundToNoOther(authority.id, one, id === undefined ? [] : [{ id }])),
    ...(await whileNoneHaltedMeanwhile(db, authority.id, jwks)),
  ];
}
