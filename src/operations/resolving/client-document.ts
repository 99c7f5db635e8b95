import { and, eq } from 'drizzle-orm';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { clientMetadataDocument, mediaTypes, type TrustChain } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { Database } from '../../store/database.js';
import { haltedAmong } from '../../store/halted-keys.js';
import { CLIENT_DOCUMENT } from '../../store/published.js';
import { member } from '../../store/schema.js';
import { endpointOf, type Issuer } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
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
    .select({ id: member.id, entityTypes: member.entityTypes })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.entityId, subject)))
    .limit(1);
  // Of a row that cannot be read nobody knows as what it was taken in.
  const document = row && Array.isArray(row.entityTypes) ? clientMetadataDocument(metadata, clientIdOf(entityId, row.id), row.entityTypes) : undefined;
  if (!document?.ok || (await haltedKeysOf(db, authorityId, document.value)).length > 0) return [];
  const place = { key: subject, variant: CLIENT_DOCUMENT, mediaType: mediaTypes.JSON_TYPE };
  return [await evaluatedArtefact(issuer, place, JSON.stringify(document.value), now(), exp)];
}
