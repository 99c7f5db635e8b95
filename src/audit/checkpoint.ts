import { z } from 'zod';
import { type JwkSet, limits, parseJws, type PublicJwk, type Signer, signJws, verifyJws } from '../federation/entry.js';
import { hashed } from '../federation/sha256.js';

/** What we made ourselves: the standard knows no such thing. */
export const CHECKPOINT_TYP = 'holdfast-checkpoint+jwt';
export const CHECKPOINT_TYPE = `application/${CHECKPOINT_TYP}`;
/** No checkpoint is longer. */
const MAX_BYTES = 16 * 1024;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const seq = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const claimsShape = z.object({
  iss: z.string().min(1).max(2048),
  /** The last event, and its hash. */
  seq,
  head: hash,
  /** SHA-256 of the checkpoint before, as it was served; null of the first one. */
  prev_checkpoint: hash.nullable(),
  iat: z.number().int().min(0).max(limits.MAX_TIME),
  /** Where the chain of the deployment ended then. */
  deployment: z.object({ seq, hash }).optional(),
});
export type CheckpointClaims = z.infer<typeof claimsShape>;

export interface Checkpoint extends CheckpointClaims {
  readonly kid: string;
  readonly jws: string;
  readonly sha256: string;
}

/** An audit key as it is published: from when until when it signed. */
export interface AuditJwk extends PublicJwk {
  readonly iat?: number;
  readonly exp?: number;
}
export interface AuditJwks {
  readonly keys: readonly AuditJwk[];
}

export const digestOf = (text: string): string => hashed.hex(text);

export const signCheckpoint = (claims: CheckpointClaims, signer: Signer): Promise<string> => signJws(CHECKPOINT_TYP, claims, signer);

/** What a text says as a checkpoint; its signature is NOT verified. Undefined where it is none. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const jws = text.trim();
  const parsed = parseJws(jws, CHECKPOINT_TYP, MAX_BYTES);
  const claims = parsed.ok ? claimsShape.safeParse(parsed.value.claims) : undefined;
  return parsed.ok && claims?.success ? { ...claims.data, kid: parsed.value.header.kid, jws, sha256: digestOf(jws) } : undefined;
}

/** Why a checkpoint proves nothing under these keys; undefined: one of them signed it, in its time. */
export async function whyNotSigned(one: Checkpoint, { keys }: AuditJwks): Promise<'key' | 'signature' | 'retired' | undefined> {
  const key = keys.find(({ kid }) => kid === one.kid);
  if (!key) return 'key';
  const parsed = parseJws(one.jws, CHECKPOINT_TYP, MAX_BYTES);
  const { iat: _, exp, ...jwk } = key;
  if (!parsed.ok || !(await verifyJws(parsed.value, { keys: [jwk] } as unknown as JwkSet)).ok) return 'signature';
  return exp !== undefined && one.iat > exp ? 'retired' : undefined;
}
