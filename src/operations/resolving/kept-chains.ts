import { and, eq, inArray } from 'drizzle-orm';
import { limits, mediaTypes, parseJws } from '../../federation/entry.js';
import { resolveVariant } from '../../store/published.js';
import { artefact, snapshot } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/** The Trust Chain that a resolve response says. */
export function chainIn(bytes: string): readonly string[] | undefined {
  const jws = parseJws(bytes, mediaTypes.typOf(mediaTypes.RESOLVE_RESPONSE), limits.MAX_CHAIN_BYTES);
  const chain = jws.ok ? jws.value.claims['trust_chain'] : undefined;
  return Array.isArray(chain) ? (chain as readonly string[]) : undefined;
}

/**
 * The Trust Chains of the answers that are on record about a subject, by anchor: what an evaluation that finds no chain compares
 * with what the issuers state today. Of what was cut since they show it still (served-chains.ts).
 */
export async function keptChains(
  { store: { db }, now }: Deployment,
  authorityId: string,
  subject: string,
  anchors: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await db
    .select({ anchor: snapshot.trustAnchor, types: snapshot.entityTypes, exp: snapshot.exp })
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, authorityId), eq(snapshot.subject, subject), eq(snapshot.state, 'valid')));
  const served = rows.filter(({ anchor, exp }) => anchors.includes(anchor) && (exp ?? 0) > now());
  if (served.length === 0) return new Map();
  const places = new Map(served.map(({ anchor, types }) => [resolveVariant(anchor, types), anchor]));
  const stored = await db
    .select({ bytes: artefact.bytes, variant: artefact.variant })
    .from(artefact)
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'resolve'), eq(artefact.key, subject), inArray(artefact.variant, [...places.keys()])));
  return new Map(
    stored.flatMap(({ bytes, variant }) => {
      const chain = chainIn(bytes);
      return chain ? [[places.get(variant) ?? '', chain] as const] : [];
    }),
  );
}
