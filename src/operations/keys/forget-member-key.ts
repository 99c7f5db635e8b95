import type { PublicJwk } from '../../federation/entry.js';
import type { Statement } from '../../store/database.js';
import type { MemberRow } from '../registry.js';

/**
 * What more is written when a key leaves a member for good: nothing, as long as members remember no removed keys. Whoever
 * lets them remember writes the key's thumbprint here, so that it is never adopted again.
 */
export const forgetMemberKey = (_member: MemberRow, _key: PublicJwk): readonly Statement[] => [];
