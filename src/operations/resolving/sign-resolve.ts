import { mediaTypes, type Metadata, parseJws, type ResolveResponseClaims, signResolveResponse, limits } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { artefact } from '../../store/schema.js';
import { CLIENT_DOCUMENT, MAX_SINGLE_TYPES, MAX_SUBSET_TYPES, resolveVariant } from '../../store/published.js';
import type { Deployment } from '../call.js';
import { artefactOf, type Issuer, orRefuse } from '../artefacts/publish.js';

/**
 * Characters that the responses about some of a subject's types may take in all, beside the one about all of them: how many
 * types it declares and how long its chain is are the subject's to say, what is signed and stored for it is ours.
 */
const MAX_PARTS_LENGTH = 2 * limits.MAX_CHAIN_BYTES;

/**
 * The sets of Entity Types a response is stored for: every non-empty subset of up to four, else the whole and each single one,
 * of more types than `MAX_SINGLE_TYPES` the whole alone. Where constraints leave no type, the whole is empty (§6.2.3).
 */
export function typeSets(types: readonly string[]): readonly (readonly string[])[] {
  if (types.length === 0 || types.length > MAX_SINGLE_TYPES) return [types];
  if (types.length > MAX_SUBSET_TYPES) return [types, ...types.map((type) => [type])];
  return Array.from({ length: 2 ** types.length - 1 }, (_, n) => types.filter((__, bit) => (n + 1) & (1 << bit)));
}

export interface Resolved {
  readonly subject: string;
  readonly trustAnchor: string;
  readonly metadata: Metadata;
  readonly trustChain: readonly string[];
  readonly trustMarks: readonly { readonly trust_mark_type: string; readonly trust_mark: string }[];
  /** The smallest of the chain's expiry and that of each mark included. */
  readonly exp: number;
}

/** A response is evaluated anew before its end, never renewed by itself: what it says has to be found out again. */
export const evaluatedArtefact = async (
  issuer: Issuer,
  { key, variant, mediaType = mediaTypes.RESOLVE_RESPONSE }: { readonly key: string; readonly variant: string; readonly mediaType?: string },
  bytes: string,
  iat: number,
  exp: number,
): Promise<NewArtefact> => ({
  ...(await artefactOf(issuer, { kind: 'resolve', key, variant }, mediaType, bytes, iat, exp)),
  renewAt: null,
});

/**
 * Sign the resolve responses about a subject under one anchor, one per set of Entity Types (OpenID Federation 1.0 §8.3.2): the
 * whole first; then those about some types, as many kinds of sets as there is room for.
 * @throws Refusal findings when the whole one would be too large
 */
export async function signedResponses(deployment: Deployment, issuer: Issuer, resolved: Resolved): Promise<readonly NewArtefact[]> {
  const iat = deployment.now();
  const { subject, trustAnchor, metadata, trustChain, trustMarks, exp } = resolved;
  const sign = async (types: readonly string[]): Promise<NewArtefact> => {
    const claims: ResolveResponseClaims = {
      iss: issuer.authority.entityId,
      sub: subject,
      iat,
      exp,
      metadata: Object.fromEntries(types.map((type) => [type, metadata[type] ?? {}])),
      trust_chain: trustChain,
      ...(trustMarks.length && { trust_marks: trustMarks }),
    };
    const bytes = orRefuse(`the resolve response about ${subject}`, await signResolveResponse(claims, issuer.signer));
    return evaluatedArtefact(issuer, { key: subject, variant: resolveVariant(trustAnchor, types) }, bytes, iat, exp);
  };
  const all = Object.keys(metadata).sort();
  const whole = await sign(all);
  const parts = typeSets(all).filter(({ length }) => length < all.length);
  const fits = (sets: readonly unknown[]): boolean => sets.length * whole.bytes.length <= MAX_PARTS_LENGTH;
  const chosen = [parts, parts.filter(({ length }) => length === 1)].find(fits) ?? [];
  return [whole, ...(await Promise.all(chosen.map(sign)))];
}

/** The same words signed by the key that signs now; one that was withheld is not, it waits for its evaluation. */
export async function resignedResponse(
  deployment: Deployment,
  issuer: Issuer,
  row: Pick<typeof artefact.$inferSelect, 'bytes' | 'key' | 'variant' | 'exp' | 'cap' | 'withheld'>,
): Promise<NewArtefact | undefined> {
  const iat = deployment.now();
  if (row.withheld !== null || row.exp === null || row.exp <= iat) return undefined;
  // A document has no signature: under another key it says the same.
  if (row.variant === CLIENT_DOCUMENT) return { ...(await evaluatedArtefact(issuer, row, row.bytes, iat, row.exp)), cap: row.cap };
  const jws = parseJws(row.bytes, mediaTypes.typOf(mediaTypes.RESOLVE_RESPONSE), limits.MAX_CHAIN_BYTES);
  if (!jws.ok) return undefined;
  const bytes = orRefuse('the resolve response', await signResolveResponse({ ...(jws.value.claims as unknown as ResolveResponseClaims), iat }, issuer.signer));
  // What ends the answer early, a mark's delegation say, ends it under the new key as well.
  return { ...(await evaluatedArtefact(issuer, row, bytes, iat, row.exp)), cap: row.cap };
}
