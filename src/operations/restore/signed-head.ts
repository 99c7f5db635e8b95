import { eq } from 'drizzle-orm';
import { z } from 'zod';
import { type JwkSet, limits, parseJws, signJws, verifyJws } from '../../federation/entry.js';
import { putArtefacts, type NewArtefact, whileCurrent } from '../../store/bulk.js';
import type { Database } from '../../store/database.js';
import { readHead } from '../../store/change.js';
import type { Head } from '../../store/event.js';
import { artefact, authority } from '../../store/schema.js';
import { artefactOf, type Issuer, issuerOf } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import { authorityKeys } from '../registry.js';
import type { KnownHead } from './compare-heads.js';
import { headsOf } from './heads.js';

/** What we made ourselves: the standard knows no such thing. */
const HEAD_TYP = 'holdfast-head+jwt';
/** While events come in, a head is signed at most this often (seconds). */
const HEAD_EVERY = 300;
/** No signed head is longer. */
const MAX_HEAD_BYTES = 16 * 1024;

const claimsShape = z.object({
  iss: z.string().max(2048),
  iat: z.number().int().min(0).max(limits.MAX_TIME),
  seq: z.number().int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Sign where the event chain of an authority ends, as anyone may keep it: proof that no event was taken away since. */
async function signHead(deployment: Deployment, issuer: Issuer, { seq, hash }: Head): Promise<NewArtefact> {
  const iat = deployment.now();
  const bytes = await signJws(HEAD_TYP, { iss: issuer.authority.entityId, iat, seq, hash }, issuer.signer);
  return artefactOf(issuer, { kind: 'head', key: '' }, `application/${HEAD_TYP}`, bytes, iat, null);
}

/** The head of now, signed anew. */
export const resignedHead = async (deployment: Deployment, issuer: Issuer): Promise<NewArtefact> =>
  signHead(deployment, issuer, await readHead(deployment.store.db, issuer.authority.id));

/** Sign the heads that have moved, some minutes after the last time; the first at once. No event: it would move the head. */
export async function signHeads(deployment: Deployment): Promise<void> {
  const { store, now } = deployment;
  const { db } = store;
  const heads = new Map((await headsOf(db)).map((one) => [one.authorityId, one]));
  const stored = new Map((await db.select().from(artefact).where(eq(artefact.kind, 'head'))).map((one) => [one.authorityId, one]));
  for (const row of await db.select().from(authority).where(eq(authority.state, 'active'))) {
    const head = heads.get(row.id);
    const last = stored.get(row.id);
    const recent = last && last.iat <= now() && now() - last.iat < HEAD_EVERY;
    if (!head || recent || (last && readUnverified(last.bytes)?.hash === head.hash)) continue;
    await store.write(putArtefacts([await signHead(deployment, await issuerOf(deployment, row), head)], whileCurrent));
  }
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
  const claims = readUnverified(compact);
  if (!claims) throw new Refusal('invalid_request', `this is no signed head; give what <authority>/head serves, a JWT with the type ${HEAD_TYP}`);
  const [row] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, claims.iss)).limit(1);
  const keys = row ? (await authorityKeys(db, row.id)).filter(({ kid }) => kid === claims.jws.header.kid).map(({ jwk }) => jwk) : [];
  if (keys.length && !(await verifyJws(claims.jws, { keys } as JwkSet)).ok)
    throw new Refusal('invalid_request', `the signed head of ${claims.iss} does not verify with the key it names: it was changed`);
  return { authority: claims.iss, seq: claims.seq, hash: claims.hash };
}

/** What a stored signed head says, for whoever checks it. */
export const headSaid = (compact: string): Head | undefined => readUnverified(compact);
