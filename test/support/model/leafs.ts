import type { World } from './world.js';
import { type TestKey, testKey } from '../keys.js';

/** An entity of somebody else's: its server answers whatever the deployment thinks of it. */
export interface Leaf {
  readonly id: string;
  /** The newest signs; all are shown. */
  keys: readonly TestKey[];
  /** Marks it shows, whatever has become of them. */
  readonly marks: Map<string, string>;
  hints: readonly string[];
  /** It has other keys than it began with. */
  rotated: boolean;
}

const DAY = 86_400;

export async function newLeaf(id: string, hints: readonly string[]): Promise<Leaf> {
  return { id, keys: [await testKey()], marks: new Map(), hints, rotated: false };
}

export const jwksOf = ({ keys }: Leaf) => ({ keys: keys.map(({ jwk }) => jwk) });

/** The Entity Configuration it serves now. */
export function configurationOf(leaf: Leaf, { now }: Pick<World, 'now'>): Promise<string> {
  const signer = leaf.keys.at(-1) as TestKey;
  return signer.jwt({
    iss: leaf.id,
    sub: leaf.id,
    iat: now(),
    exp: now() + DAY,
    jwks: jwksOf(leaf),
    authority_hints: leaf.hints,
    metadata: { openid_relying_party: { redirect_uris: [`${leaf.id}/cb`], jwks_uri: `${leaf.id}/jwks` } },
    ...(leaf.marks.size && { trust_marks: [...leaf.marks].map(([trust_mark_type, trust_mark]) => ({ trust_mark_type, trust_mark })) }),
  });
}
