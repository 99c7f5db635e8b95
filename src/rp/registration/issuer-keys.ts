import { type EntityStatement, type JwkSet, type KeyCache, validateTrustChain } from '../../federation/entry.js';

/** Whoever may sign statements and tokens, as it is known here. */
export interface KnownIssuer {
  readonly jwks: JwkSet;
  /** The Trust Anchor that it leads to: itself, where it is one. */
  readonly anchor: string;
  /** The claims of the statements about it, up to the Trust Anchor: what holds for all below it; none of an anchor. */
  readonly above: readonly EntityStatement['claims'][];
}

export interface IssuerOptions {
  /** Trust Anchors by Entity Identifier, with keys obtained out of band. */
  readonly anchors: Readonly<Record<string, JwkSet>>;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly development?: boolean | undefined;
  readonly keyCache?: KeyCache | undefined;
}

/**
 * The Federation Entity Keys of an issuer: those that are pinned, or those that a chain to a pinned anchor ends in, whoever sent
 * the chain. Without either it is nobody.
 * @param chains `trust_chain` headers, unread
 */
export async function issuerKeys(
  issuer: string,
  chains: readonly unknown[],
  { anchors, now, development, keyCache }: IssuerOptions,
): Promise<KnownIssuer | undefined> {
  const pinned = Object.hasOwn(anchors, issuer) ? anchors[issuer] : undefined;
  if (pinned) return { jwks: pinned, anchor: issuer, above: [] };
  for (const chain of chains) {
    if (!Array.isArray(chain) || !chain.every((one) => typeof one === 'string')) continue;
    const valid = await validateTrustChain(chain as readonly string[], {
      ...{ anchors, now, subject: issuer },
      ...(development && { development }),
      ...(keyCache && { keyCache }),
    });
    // What the superior states, not what the issuer shows of itself: a key that was taken away above signs nothing.
    const stated = valid.ok ? valid.value.statements[1]?.claims.jwks : undefined;
    if (valid.ok && stated) return { jwks: stated, anchor: valid.value.trustAnchor, above: valid.value.statements.slice(1).map(({ claims }) => claims) };
  }
  return undefined;
}
