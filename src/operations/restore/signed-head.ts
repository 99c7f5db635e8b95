import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { CHECKPOINT_TYP, type Checkpoint, readCheckpoint, whyNotSigned } from '../../audit/checkpoint.js';
import { type JwkSet, limits, parseJws, signJws, verifyJws } from '../../federation/entry.js';
import { putArtefacts, type NewArtefact, whileStill } from '../../store/bulk.js';
import { auditKeysOf } from '../../store/checkpoints.js';
import type { Database } from '../../store/database.js';
import { readHead } from '../../store/change.js';
import type { Head } from '../../store/event.js';
import { authority, AUTHORITY_STATES } from '../../store/schema.js';
import { signedWithLastKey } from '../artefacts/last-keys.js';
import { auditJwks } from '../audit/audit-keys.js';
import { artefactOf, type Issuer, issuerOf } from '../artefacts/publish.js';
import { DEPLOYMENT, type Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, authorityKeys } from '../registry.js';
import type { KnownHead } from './compare-heads.js';
import { headsOf, signedHeads } from '../../store/known-heads.js';

/** What we made ourselves: the standard knows no such thing. */
const HEAD_TYP = 'holdfast-head+jwt';
/** While events come in, a head is signed at most this often (seconds). */
const HEAD_EVERY = 300;
/** No signed head is longer. */
const MAX_HEAD_BYTES = 16 * 1024;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const claimsShape = z.object({
  iss: z.string().max(2048),
  iat: z.number().int().min(0).max(limits.MAX_TIME),
  seq: z.number().int().min(1),
  hash,
  /** Heads that an earlier version signed say neither. */
  state: z.enum(AUTHORITY_STATES).optional(),
  deployment: z.object({ seq: z.number().int().min(1), hash }).optional(),
  audit_key: z.string().max(1000).optional(),
});

/** What a signed head says. */
interface Said extends Head {
  readonly state: AuthorityRow['state'];
  /** The chain of what concerns no single authority: API keys, and which authorities were halted. */
  readonly deployment?: Head | undefined;
  /** The key that signs checkpoints (RFC 7638 thumbprint): who trusts the Federation Entity Key that signed this can trust it. */
  readonly auditKey?: string | undefined;
}

/**
 * Sign where the event chain of an authority ends, and that of the deployment, as anyone may keep it: proof that no event was
 * taken away since. Its `cut` is that of the authority, so a head from before a halt is not served during it.
 */
async function signHead(deployment: Deployment, issuer: Issuer, { seq, hash, state, deployment: of, auditKey }: Said): Promise<NewArtefact> {
  const iat = deployment.now();
  const bytes = await signJws(HEAD_TYP, { iss: issuer.authority.entityId, iat, seq, hash, state, deployment: of, audit_key: auditKey }, issuer.signer);
  return artefactOf(issuer, { kind: 'head', key: '', cut: issuer.authority.cut }, `application/${HEAD_TYP}`, bytes, iat, null);
}

async function deploymentHead(db: Database): Promise<Head | undefined> {
  const { seq, hash } = await readHead(db, DEPLOYMENT);
  return seq > 0 ? { seq, hash } : undefined;
}

const auditKeyOf = async (db: Database, authorityId: string): Promise<string | undefined> =>
  (await auditKeysOf(db, authorityId)).find(({ retiredAt }) => retiredAt === null)?.kid;

/** The head of now, signed anew. */
export async function resignedHead(deployment: Deployment, issuer: Issuer): Promise<NewArtefact> {
  const { db } = deployment.store;
  const { seq, hash } = await readHead(db, issuer.authority.id);
  return signHead(deployment, issuer, {
    seq,
    hash,
    state: issuer.authority.state,
    deployment: await deploymentHead(db),
    auditKey: await auditKeyOf(db, issuer.authority.id),
  });
}

/**
 * Sign the heads that have moved, some minutes after the last time; the first one, and that of an authority that was halted,
 * retired or resumed, at once. It is the one thing that an authority says which has stopped, so that a copy of its head tells
 * of that. No event: it would move the head.
 * @throws the first error, after every authority had its turn
 */
export async function signHeads(deployment: Deployment): Promise<void> {
  const { store, now } = deployment;
  const { db } = store;
  const heads = new Map((await headsOf(db)).map((one) => [one.authorityId, one]));
  const stored = new Map((await signedHeads(db)).map((one) => [one.authorityId, one]));
  const ofDeployment = await deploymentHead(db);
  const errors: unknown[] = [];
  for (const row of await db.select().from(authority)) {
    const head = heads.get(row.id);
    const last = stored.get(row.id);
    const said = last && last.withheld === null ? readUnverified(last.bytes) : undefined;
    const auditKey = await auditKeyOf(db, row.id);
    const recent = last && last.iat <= now() && now() - last.iat < HEAD_EVERY && said?.state === row.state && said.audit_key === auditKey;
    const same = said?.hash === head?.hash && said?.state === row.state && said?.deployment?.hash === ofDeployment?.hash && said?.audit_key === auditKey;
    if (!head || recent || same) continue;
    await signedNow(deployment, row, { ...head, state: row.state, deployment: ofDeployment, auditKey })
      .then((signed) => signed && store.write(putArtefacts([signed], whileStill(row))))
      // One that has stopped, perhaps because its keys are lost, owes nobody a head.
      .catch((error: unknown) => void (row.state === 'active' && errors.push(error)));
  }
  if (errors.length) throw errors[0];
}

/** By the key that signs, or, of an authority that has stopped, by the last one that did; undefined where none is left. */
async function signedNow(deployment: Deployment, row: AuthorityRow, said: Said): Promise<NewArtefact | undefined> {
  if (row.state === 'active') return signHead(deployment, await issuerOf(deployment, row), said);
  const keys = await authorityKeys(deployment.store.db, row.id);
  return signedWithLastKey(deployment, row, keys, keys, (issuer) => signHead(deployment, issuer, said));
}

function readUnverified(compact: string) {
  const jws = parseJws(compact.trim(), HEAD_TYP, MAX_HEAD_BYTES);
  const claims = jws.ok ? claimsShape.safeParse(jws.value.claims) : undefined;
  return jws.ok && claims?.success ? { ...claims.data, jws: jws.value } : undefined;
}

/**
 * Read a signed head that somebody kept. One signed by a key that this database holds has to verify; one by another key,
 * made after the backup perhaps, counts as it stands: all it can do is to refuse.
 * @throws Refusal invalid_request
 */
export async function readSignedHead(db: Database, compact: string): Promise<KnownHead> {
  const checkpoint = readCheckpoint(compact);
  if (checkpoint) return knownBy(db, checkpoint);
  const claims = readUnverified(compact);
  if (!claims)
    throw new Refusal(
      'invalid_request',
      `this is no signed head and no checkpoint; give what <authority>/head or <authority>/checkpoints/latest serves, a JWT with the type ${HEAD_TYP} or ${CHECKPOINT_TYP}`,
    );
  const [row] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, claims.iss)).limit(1);
  const keys = row ? (await authorityKeys(db, row.id)).filter(({ kid }) => kid === claims.jws.header.kid).map(({ jwk }) => jwk) : [];
  if (keys.length && !(await verifyJws(claims.jws, { keys } as JwkSet)).ok)
    throw new Refusal('invalid_request', `the signed head of ${claims.iss} does not verify with the key it names: it was changed`);
  return { authority: claims.iss, seq: claims.seq, hash: claims.hash, signedAt: claims.iat, deployment: claims.deployment };
}

/** A checkpoint says the same, signed by the audit key. @throws Refusal invalid_request */
async function knownBy(db: Database, checkpoint: Checkpoint): Promise<KnownHead> {
  const { iss, seq, head, iat, deployment } = checkpoint;
  const [row] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, iss)).limit(1);
  const why = row && (await whyNotSigned(checkpoint, auditJwks(await auditKeysOf(db, row.id))));
  if (why === 'signature') throw new Refusal('invalid_request', `the checkpoint of ${iss} does not verify with the key it names: it was changed`);
  return { authority: iss, seq, hash: head, signedAt: iat, deployment };
}

/** What a stored signed head says, for whoever checks it. */
export const headSaid = (compact: string): (Head & Pick<KnownHead, 'deployment'>) | undefined => readUnverified(compact);
