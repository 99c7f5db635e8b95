import type { JwkSet } from '../../src/federation/entry.js';
import { type TestKey, testKey } from './keys.js';

export const NOW = 1_800_000_000;
export const TA = 'https://ta.example.org';
export const INTERMEDIATE = 'https://intermediate.example.org';
export const LEAF = 'https://leaf.example.com/rp';

type Patch = Record<string, unknown>;
export interface ChainParts {
  /** Changes to the claims of ES[0], ES[1], ES[2], ES[3]; `undefined` removes a claim. */
  readonly claims?: Record<number, Patch>;
  readonly headers?: Record<number, Patch>;
  /** Sign ES[n] with another key. */
  readonly signers?: Record<number, TestKey>;
}

export interface TestFederation {
  readonly keys: { readonly ta: TestKey; readonly intermediate: TestKey; readonly leaf: TestKey };
  readonly anchors: Record<string, JwkSet>;
  /** Leaf, the Intermediate's statement, the Trust Anchor's statement, the Trust Anchor's configuration. */
  chain(parts?: ChainParts): Promise<string[]>;
}

/** A three-level federation whose statements are signed by jose, with room to break each claim, header and key. */
export async function testFederation(): Promise<TestFederation> {
  const [ta, intermediate, leaf] = await Promise.all([testKey('ES256'), testKey('ES256'), testKey('ES256')]);
  const set = (key: TestKey): JwkSet => ({ keys: [key.jwk] });
  const times = { iat: NOW - 100, exp: NOW + 3600 };
  return {
    keys: { ta, intermediate, leaf },
    anchors: { [TA]: set(ta) },
    async chain({ claims = {}, headers = {}, signers = {} } = {}) {
      const statements: [TestKey, Patch][] = [
        [
          leaf,
          {
            iss: LEAF,
            sub: LEAF,
            ...times,
            jwks: set(leaf),
            authority_hints: [INTERMEDIATE],
            metadata: { openid_relying_party: { redirect_uris: ['https://leaf.example.com/cb'] } },
          },
        ],
        [intermediate, { iss: INTERMEDIATE, sub: LEAF, ...times, jwks: set(leaf) }],
        [ta, { iss: TA, sub: INTERMEDIATE, ...times, jwks: set(intermediate) }],
        [
          ta,
          {
            iss: TA,
            sub: TA,
            ...times,
            jwks: set(ta),
            metadata: { federation_entity: { federation_fetch_endpoint: `${TA}/fetch`, federation_list_endpoint: `${TA}/list` } },
          },
        ],
      ];
      return Promise.all(statements.map(([key, base], n) => (signers[n] ?? key).jwt(JSON.parse(JSON.stringify({ ...base, ...claims[n] })), headers[n])));
    },
  };
}

/** The same JWT with one byte of its signature changed. */
export function flipSignature(jwt: string): string {
  const at = jwt.length - 10;
  return jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1);
}
