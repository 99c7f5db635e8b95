import { hashed } from '../federation/sha256.js';

type Statements = readonly { readonly compact: string; readonly claims: { readonly iss: string; readonly sub: string } }[];
/** A chain is used for many requests. */
const known = new WeakMap<Statements, string>();

/**
 * What names a chain in logs on every side: SHA-256, hex, of its statements joined by line feeds, the subject's first and without
 * the Trust Anchor's own configuration, which may be left out of a chain (OpenID Federation 1.0 §4).
 */
export function chainSha256(chain: Statements): string {
  const before = known.get(chain);
  if (before !== undefined) return before;
  const compacts = chain.filter(({ claims }, n) => n === 0 || claims.iss !== claims.sub).map(({ compact }) => compact);
  const hash = hashed.hex(compacts.join('\n'));
  known.set(chain, hash);
  return hash;
}
