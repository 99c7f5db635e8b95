import { and, eq } from 'drizzle-orm';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { clientMetadataDocument, mediaTypes, type TrustChain } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { Database } from '../../store/database.js';
import { haltedAmong } from '../../store/halted-keys.js';
import { CLIENT_DOCUMENT } from '../../store/published.js';
import { authority, member } from '../../store/schema.js';
import { endpointOf, type Issuer } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import type { AuthorityRow } from '../registry.js';
import { earliest, endOfMember } from '../members/member-end.js';
import { evaluatedArtefact } from './sign-resolve.js';

/** Where the Client ID Metadata Document of a member is served: its `client_id`. By our id, because an identifier is a URL itself. */
export const clientIdOf = (authority: string, memberId: string): string => `${endpointOf(authority, 'clients')}/${memberId}`;

/** Keys of a document that somebody halted, as thumbprints: whoever has one is not to be the client with it. */
export async function haltedKeysOf(db: Database, authorityId: string, document: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  const { keys } = document['jwks'] as { readonly keys: readonly JWK[] };
  // A key of a kind that no member is bound with has no thumbprint here, and was never halted.
  const thumbprints = await Promise.all(keys.map((key) => calculateJwkThumbprint(key).catch(() => undefined)));
  return [
    ...(await haltedAmong(
      db,
      authorityId,
      thumbprints.filter((one) => one !== undefined),
    )),
  ];
}

/**
 * Under whom the documents of an authority's members are evaluated: under itself; those of agents under the authority above, whose
 * statement says what agents may ask for at most, and which they are gone with.
 */
export async function documentsUnder(db: Database, { agentsOf, entityId }: Pick<AuthorityRow, 'agentsOf' | 'entityId'>): Promise<string> {
  if (agentsOf === null) return entityId;
  const [above] = await db.select({ entityId: authority.entityId }).from(authority).where(eq(authority.id, agentsOf)).limit(1);
  return above?.entityId ?? entityId;
}

/**
 * The Client ID Metadata Document of a member, from its chain to its own authority (that of an agent to the one above): what the resolve response says, in words of
 * those that know no federations. It lies among those responses, so whatever ends or withholds them does the same to it. None
 * for who is no client, or would be one that proves no key or may ask for anything.
 */
export async function clientDocument(
  { store: { db }, now }: Deployment,
  issuer: Issuer,
  { subject, trustAnchor, statements, metadata, exp }: TrustChain,
): Promise<readonly NewArtefact[]> {
  const { id: authorityId, entityId } = issuer.authority;
  if (statements[1]?.claims.iss !== entityId || subject === entityId || trustAnchor !== (await documentsUnder(db, issuer.authority))) return [];
  const [row] = await db
    .select({
      id: member.id,
      entityTypes: member.entityTypes,
      validUntil: member.validUntil,
      keysUntil: member.keysUntil,
      accreditedUntil: member.accreditedUntil,
      reattestBy: member.reattestBy,
    })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.entityId, subject)))
    .limit(1);
  // Of a row that cannot be read nobody knows as what it was taken in.
  const document = row && Array.isArray(row.entityTypes) ? clientMetadataDocument(metadata, clientIdOf(entityId, row.id), row.entityTypes, subject) : undefined;
  if (!row || !document?.ok || (await haltedKeysOf(db, authorityId, document.value)).length > 0) return [];
  const place = { key: subject, variant: CLIENT_DOCUMENT, mediaType: mediaTypes.JSON_TYPE };
  const made = await evaluatedArtefact(issuer, place, JSON.stringify(document.value), now(), exp);
  // Past the end of its member it is gone, and not just late.
  return [{ ...made, cap: earliest(made.cap ?? null, endOfMember(row)) }];
}
