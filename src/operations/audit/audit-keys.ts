import { eq } from 'drizzle-orm';
import type { AuditJwk, AuditJwks } from '../../audit/checkpoint.js';
import type { Signer, SigningAlgorithm } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { type AuditKeyRow, auditKeysOf } from '../../store/checkpoints.js';
import { auditKey } from '../../store/schema.js';
import { allow, type Call, change, type Deployment, systemCall } from '../call.js';
import { fromCustody } from '../keys/from-custody.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';

/** Every verifier has it, and a checkpoint is small. */
const ALG: SigningAlgorithm = 'ES256';

/**
 * A key that signs checkpoints and nothing else. It is none of the Federation Entity Keys: whoever steals one of those cannot
 * rewrite what happened, and an authority that has lost all of them can still prove what it did.
 */
export async function newAuditKey({ custody }: Pick<Deployment, 'custody'>, authorityId: string, createdAt: number): Promise<AuditKeyRow> {
  const id = newId('akey');
  const made = await fromCustody(custody).generate(id, ALG);
  return { id, authorityId, ...made, createdAt, retiredAt: null };
}

export const auditSigner = ({ custody }: Pick<Deployment, 'custody'>, key: AuditKeyRow): Promise<Signer> =>
  fromCustody(custody).signer({ ...key, alg: key.alg as SigningAlgorithm });

/** As they are published: `iat` and `exp` say from when until when a key signed. */
export const auditJwks = (keys: readonly AuditKeyRow[]): AuditJwks => ({
  keys: keys.map(({ jwk, createdAt, retiredAt }): AuditJwk => ({ ...jwk, iat: createdAt, ...(retiredAt !== null && { exp: retiredAt }) })),
});

export async function listAuditKeys(call: Call, slug: string): Promise<readonly AuditKeyRow[]> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return auditKeysOf(call.store.db, id);
}

/** Make the first audit key of an authority that an earlier version has made. */
export async function firstAuditKey(deployment: Deployment, { id, slug }: Pick<AuthorityRow, 'id' | 'slug'>): Promise<AuditKeyRow> {
  const key = await newAuditKey(deployment, id, deployment.now());
  return change<AuditKeyRow>(systemCall(deployment), {
    authorityId: id,
    scope: null,
    about: `audit key of ${slug}`,
    async decide() {
      const current = (await auditKeysOf(deployment.store.db, id)).find(({ retiredAt }) => retiredAt === null);
      if (current) return { events: [], statements: [], result: current };
      return {
        events: [{ type: 'audit_key.created', subjectKind: 'audit_key', subjectId: key.kid, detail: { alg: key.alg } }],
        statements: [insertRows(auditKey, [key])],
        result: key,
      };
    },
  });
}

/**
 * Another audit key from now on. What the former one signed stays verifiable: it stays published, with its end.
 * @throws Refusal not_found, invalid_request
 */
export async function rotateAuditKey(call: Call<AuditKeyRow>, slug: string, reason: string | undefined): Promise<AuditKeyRow> {
  allow(call, 'rotate', slug);
  if (!reason) throw new Refusal('invalid_request', 'another audit key needs a reason');
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const key = await newAuditKey(call, id, call.now());
  return change<AuditKeyRow>(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const current = (await auditKeysOf(db, id)).find(({ retiredAt }) => retiredAt === null);
      return {
        events: [{ type: 'audit_key.rotated', subjectKind: 'audit_key', subjectId: key.kid, reason, detail: { alg: key.alg, replaces: current?.kid ?? null } }],
        statements: [...(current ? [db.update(auditKey).set({ retiredAt: call.now() }).where(eq(auditKey.id, current.id))] : []), insertRows(auditKey, [key])],
        result: key,
      };
    },
  });
}
