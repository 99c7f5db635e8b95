import { and, eq } from 'drizzle-orm';
import { clientMetadataDocument, type Finding, finding, limits, mediaTypes, type Metadata, parseJws } from '../../federation/entry.js';
import { isObject, parseJson } from '../../federation/strict-json.js';
import { CLIENT_DOCUMENT, resolveVariant } from '../../store/published.js';
import { artefact, snapshot } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import { allow, type Call } from '../call.js';
import { findAuthority, findMember } from '../registry.js';
import { clientIdOf, documentsUnder, haltedKeysOf } from './client-document.js';

export interface ShownClientDocument {
  readonly clientId: string;
  /** As it is stored; null where there is none. */
  readonly document: Readonly<Record<string, unknown>> | null;
  /** Seconds since the epoch: when it is made anew at the latest. */
  readonly exp: number | null;
  /** Why there is none. */
  readonly findings: readonly Finding[];
}

/** The Client ID Metadata Document of a member, or why there is none. @throws Refusal not_found, permission_denied */
export async function showClientDocument(call: Call, slug: string, id: string): Promise<ShownClientDocument> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const member = await findMember(db, authority.id, id);
  const clientId = clientIdOf(authority.entityId, member.id);
  const anchor = await documentsUnder(db, authority);
  const about = and(eq(artefact.authorityId, authority.id), eq(artefact.kind, 'resolve'), eq(artefact.key, member.entityId));
  const stored = async (variant: string) =>
    (
      await db
        .select({ bytes: artefact.bytes, exp: artefact.exp, withheld: whyWithheld })
        .from(artefact)
        .where(and(about, eq(artefact.variant, variant)))
        .limit(1)
    )[0];
  const none = (detail: string, fix: string) => ({
    clientId,
    document: null,
    exp: null,
    findings: [{ ...finding('client_document_none', 'member', detail), fix }],
  });
  if (authority.state !== 'active') return none(`the authority is ${authority.state}`, 'Nothing of it is served.');
  if (member.state !== 'active') return none(`the member is ${member.state}`, 'A member in force has one.');
  const row = await stored(CLIENT_DOCUMENT);
  const document = row && parseJson(row.bytes, 'document');
  if (row && document?.ok && isObject(document.value))
    return {
      ...{ clientId, document: document.value, exp: row.exp },
      findings:
        row.withheld === null ? [] : none('it is not served until it was evaluated anew', `Or at once: holdfast entity evaluate ${member.entityId}`).findings,
    };
  const [evaluated] = await db
    .select({ state: snapshot.state, types: snapshot.entityTypes })
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, authority.id), eq(snapshot.subject, member.entityId), eq(snapshot.trustAnchor, anchor)))
    .limit(1);
  const answer = evaluated?.state === 'valid' ? await stored(resolveVariant(anchor, evaluated.types)) : undefined;
  const jws = answer && parseJws(answer.bytes, mediaTypes.typOf(mediaTypes.RESOLVE_RESPONSE), limits.MAX_CHAIN_BYTES);
  if (!jws?.ok) return none('it has not been evaluated here, or has no valid chain', `See: holdfast entity explain ${member.entityId}`);
  const made = clientMetadataDocument(jws.value.claims['metadata'] as Metadata, clientId, Array.isArray(member.entityTypes) ? member.entityTypes : []);
  const halted = made.ok ? await haltedKeysOf(db, authority.id, made.value) : [];
  if (halted.length > 0) return none(`its key ${halted.join(', ')} was halted`, 'Publish other keys of the client in "jwks".');
  return made.ok
    ? none('it is made with the next evaluation', `Or at once: holdfast entity evaluate ${member.entityId}`)
    : { clientId, document: null, exp: null, findings: made.findings };
}
