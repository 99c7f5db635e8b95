import { eq, and } from 'drizzle-orm';
import { clientMetadataDocument, mediaTypes, type TrustChain } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import { CLIENT_DOCUMENT } from '../../store/published.js';
import { member } from '../../store/schema.js';
import { endpointOf, type Issuer } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { evaluatedArtefact } from './sign-resolve.js';

/** Where the Client ID Metadata Document of a member is served: its `client_id`. By our id, because an identifier is a URL itself. */
export const clientIdOf = (authority: string, memberId: string): string => `${endpointOf(authority, 'clients')}/${memberId}`;

/**
 * The Client ID Metadata Document of a member, from its chain to its own authority: what the resolve response says, in words of
 * those that know no federations. It lies among those responses, so whatever ends or withholds them does the same to it. None
 * for who is no client, or would be one that proves no key or may ask for anything.
 */
export async function clientDocument(
  { store: { db }, now }: Deployment,
  issuer: Issuer,
  { subject, trustAnchor, statements, metadata, exp }: TrustChain,
): Promise<readonly NewArtefact[]> {
  const { id: authorityId, entityId } = issuer.authority;
  if (trustAnchor !== entityId || statements[1]?.claims.iss !== entityId || subject === entityId) return [];
  const [row] = await db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.entityId, subject)))
    .limit(1);
  const document = row && clientMetadataDocument(metadata, clientIdOf(entityId, row.id));
  if (!document?.ok) return [];
  const place = { key: subject, variant: CLIENT_DOCUMENT, mediaType: mediaTypes.JSON_TYPE };
  return [await evaluatedArtefact(issuer, place, JSON.stringify(document.value), now(), exp)];
}
