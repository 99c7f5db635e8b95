import type { Database } from '../../store/database.js';
import type { Head } from '../../store/event.js';
import { DEPLOYMENT } from '../call.js';
import { type ChainHead, hashAt } from '../../store/known-heads.js';

/** A head that somebody knows from outside: from the public URL, a backup, a note. */
export interface KnownHead {
  /** Slug or entity identifier. */
  readonly authority: string;
  readonly seq: number;
  readonly hash: string;
  /** Of one that the authority signed: when (seconds since the epoch), and where the chain of the deployment ended then. */
  readonly signedAt?: number | undefined;
  readonly deployment?: Head | undefined;
}

/** What a database lacks of the history that a known head is the end of; undefined: it holds it. */
export async function lacks(db: Database, heads: readonly ChainHead[], known: KnownHead): Promise<string | undefined> {
  const own = heads.find(({ slug, entityId }) => slug === known.authority || entityId === known.authority);
  if (!own) return `there is no authority ${known.authority} in this database`;
  if (known.seq > own.seq) return `event ${known.seq} of ${own.slug} is known, the database ends with ${own.seq}: ${known.seq - own.seq} event(s) are missing`;
  if ((await hashAt(db, own.authorityId, known.seq)) !== known.hash)
    return `event ${known.seq} of ${own.slug} is another one than the one known: this is not the history it belongs to`;
  const { deployment } = known;
  if (deployment && (await hashAt(db, DEPLOYMENT, deployment.seq)) !== deployment.hash)
    return `event ${deployment.seq} of the deployment (API keys that ended, authorities that were halted) is known to ${own.slug}, and the database does not hold it`;
  return undefined;
}
