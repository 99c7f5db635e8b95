import { type EntityStatement, mediaTypes } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { MemberRow } from '../registry.js';
import { earliest, endOfMember } from './member-end.js';

/** The configuration that a member signed, as we serve it: its bytes, until its own end or that of the member. */
export const hostedArtefact = async (of: MemberRow, { compact, claims, header }: EntityStatement): Promise<NewArtefact> => ({
  authorityId: of.authorityId,
  kind: 'hosted',
  key: of.entityId,
  variant: '',
  mediaType: mediaTypes.ENTITY_STATEMENT,
  bytes: compact,
  sha256: await sha256(compact),
  iat: claims.iat,
  exp: claims.exp,
  cap: earliest(claims.exp, endOfMember(of)),
  kid: header.kid,
  generation: 0,
  cut: of.cut,
  memberId: of.id,
  organizationId: of.organizationId,
  renewAt: null,
  leaseUntil: 0,
});
