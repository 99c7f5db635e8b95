import type { JwkSet } from '../../federation/entry.js';

const known = new WeakMap<JwkSet, string>();

/** A text that equal key sets share: what one set has verified says nothing to whoever has another. */
export function keySetId(jwks: JwkSet): string {
  const id = known.get(jwks) ?? JSON.stringify(jwks);
  known.set(jwks, id);
  return id;
}
