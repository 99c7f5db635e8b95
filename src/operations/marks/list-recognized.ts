import type { JwkSet } from '../../federation/entry.js';
import { allow, type Call } from '../call.js';
import { findAuthority } from '../registry.js';

export interface RecognizedType {
  readonly trustMarkType: string;
  /** An empty list means anyone (OpenID Federation 1.0 §3.1.2); null: nothing is said of issuers. */
  readonly issuers: readonly string[] | null;
  readonly owner: { readonly sub: string; readonly jwks: JwkSet } | null;
}

/** What the claims of a Trust Anchor's configuration say of types of mark, a type a line, in the order of their names. */
export function recognizedIn(claims: Readonly<Record<string, unknown>>): readonly RecognizedType[] {
  // Judged when they were written (federation/entity-statement.ts), so they have their shape.
  const issuers = (claims['trust_mark_issuers'] ?? {}) as Readonly<Record<string, readonly string[]>>;
  const owners = (claims['trust_mark_owners'] ?? {}) as Readonly<Record<string, { readonly sub: string; readonly jwks: JwkSet }>>;
  const types = [...new Set([...Object.keys(issuers), ...Object.keys(owners)])].sort();
  return types.map((type) => ({
    trustMarkType: type,
    issuers: Object.hasOwn(issuers, type) ? (issuers[type] ?? null) : null,
    owner: Object.hasOwn(owners, type) ? (owners[type] ?? null) : null,
  }));
}

export async function listRecognized(call: Call, slug: string): Promise<readonly RecognizedType[]> {
  allow(call, 'read', slug);
  return recognizedIn((await findAuthority(call.store.db, slug)).claims);
}
