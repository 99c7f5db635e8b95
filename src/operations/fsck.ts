import { checkMeaning } from './fsck/meaning.js';
import { and, asc, eq, getTableName, gt } from 'drizzle-orm';
import { type JwkSet, limits, type PublicJwk, verifyJws, parseJws } from '../federation/entry.js';
import { sha256 } from '../keys/random.js';
import { TABLES } from '../store/cells.js';
import { cellText } from '../store/conditions.js';
import { storeError } from '../store/database.js';
import { CLIENT_DOCUMENT } from '../store/published.js';
import { troubleIn } from '../store/trouble.js';
import { artefact, authority, authorityKey } from '../store/schema.js';
import { endpointOf } from './artefacts/publish.js';
import type { Deployment } from './call.js';
import { checkCells } from './fsck/cells.js';
import type { Add, Damage } from './fsck/damage.js';
import { checkEvidence, type HashOf } from './fsck/evidence.js';
import { checkEvents, checkHead, checkProofs } from './fsck/events.js';
import { checkAuthority, checkKeysOfNobody } from './fsck/indexes.js';
import { checkIssuers } from './fsck/issuers.js';
import { checkMarks, checkMembers, checkTold } from './fsck/members.js';
import { checkStatusLists } from './fsck/status-lists.js';
import { checkWithheld } from './fsck/unsignable.js';
import { stillCarried } from './keys/still-carried.js';
import { endOf } from './marks/issue-mark.js';
import { indexedTo } from './members/index-members.js';
import { statusListAt } from './status/status-claim.js';

export type { Damage } from './fsck/damage.js';

const PAGE = 1000;
type Artefact = typeof artefact.$inferSelect;

/**
 * Read everything and prove the invariants: each cell can be read, each artefact has its hash, its signature and its claims;
 * each active member has a statement and no other member has one; what is kept twice agrees; the event chain is whole. What
 * cannot be read is named, and the rest is looked at all the same. Changes nothing.
 * @param hashOfEvidence the hashes of the files of evidence, where they lie on this machine
 */
export async function fsck(
  { store, hashOfEvidence }: { readonly store: Pick<Deployment['store'], 'db'>; readonly hashOfEvidence?: HashOf | undefined },
  progress: (what: string, n: number) => void = () => undefined,
): Promise<readonly Damage[]> {
  const { db } = store;
  const damages: Damage[] = [];
  const slugs = new Map([['deployment', 'deployment']]);
  const addTo =
    (authorityId: string | null): Add =>
    (code, where, detail) =>
      void damages.push({ code, authority: slugs.get(authorityId ?? '') ?? authorityId ?? 'deployment', where, detail });
  /** What one look cannot read ends that look alone. */
  const look = async (authorityId: string, what: string, work: (add: Add) => Promise<void>): Promise<void> => {
    const add = addTo(authorityId);
    try {
      await work(add);
    } catch (error) {
      if (troubleIn(error) !== undefined) throw storeError(error);
      add('rows_unreadable', what, error instanceof Error ? error.message : String(error));
    }
  };

  const authorities = await db
    .select({
      id: authority.id,
      slug: authority.slug,
      entityId: authority.entityId,
      state: authority.state,
      place: authority.place,
    })
    .from(authority);
  for (const { id, slug } of authorities) slugs.set(id, slug);
  for (const [n, table] of TABLES.entries()) {
    progress('cells of tables', n);
    await look('deployment', `table ${getTableName(table)}`, () => checkCells(db, table, addTo));
  }
  const indexed = await indexedTo(db);
  for (const row of authorities) {
    const { id, slug } = row;
    const jwks: { keys: PublicJwk[] } = { keys: [] };
    await look(id, 'keys', async (add) => {
      const keys = await keysOf(id);
      jwks.keys = keys.flatMap(({ jwk }) => jwk ?? []);
      if (row.state === 'active' && keys.filter(({ state }) => state === 'active').length !== 1)
        add('key_missing', 'keys', 'there is not exactly one active key');
    });
    await look(id, 'artefacts', async (add) => {
      if (!(await hasOne(id, 'entity_configuration'))) add('artefact_missing', 'entity_configuration', 'the authority has no entity configuration');
      await eachArtefact(id, async (one, n) => {
        if (n % PAGE === 0) progress(`${slug}: artefacts`, n);
        await checkArtefact(one, row.entityId, jwks, add).catch(() => add('artefact_claims', `${one.kind} ${one.key}`.trim(), 'it cannot be read'));
      });
    });
    await look(id, 'members', (add) => checkMembers(db, id, indexed, add, (n) => progress(`${slug}: members`, n)));
    await look(id, 'vouched issuers', (add) => checkIssuers(db, id, add));
    await look(id, 'withheld statements', (add) => checkWithheld(db, id, add));
    await look(id, 'status lists', (add) => checkStatusLists(db, id, add));
    await look(id, 'registration events', (add) => checkTold(db, id, add));
    await look(id, 'marks', (add) => checkMarks(db, id, add));
    await look(id, 'indexes', (add) => checkAuthority(db, row, authorities, add));
  }
  await look('deployment', 'index of keys', () => checkKeysOfNobody(db, addTo));
  await look('deployment', 'rows about others', () => checkMeaning(db, addTo));
  await look('deployment', 'compromised keys', async () => {
    for (const { authorityId, kid, where } of await stillCarried(db))
      addTo(authorityId)('compromised_key', where, `it has the key ${kid}, which was called compromised`);
  });
  for (const { id, slug } of [...authorities, { id: 'deployment', slug: 'deployment' }])
    await look(id, 'events', (add) => checkEvents(db, id, add, (n) => progress(`${slug}: events`, n)));
  for (const { id } of [...authorities, { id: 'deployment' }]) await look(id, 'private parts and checkpoints', (add) => checkProofs(db, id, add));
  if (hashOfEvidence) await look('deployment', 'evidence', () => checkEvidence(db, hashOfEvidence, addTo, (n) => progress('evidence', n)));
  for (const { id } of authorities) await look(id, 'head', (add) => checkHead(db, id, add));
  return damages;

  /** The keys of an authority; one whose cell cannot be read is there, without what it is. */
  async function keysOf(authorityId: string): Promise<readonly { readonly state: string; readonly jwk: PublicJwk | undefined }[]> {
    const rows = await db
      .select({ state: authorityKey.state, jwk: cellText(authorityKey.jwk) })
      .from(authorityKey)
      .where(eq(authorityKey.authorityId, authorityId))
      .orderBy(authorityKey.createdAt);
    return rows.map(({ state, jwk }) => ({ state, jwk: readJwk(jwk) }));
  }

  async function hasOne(authorityId: string, kind: Artefact['kind']): Promise<boolean> {
    return (
      (
        await db
          .select({ id: artefact.id })
          .from(artefact)
          .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, kind)))
          .limit(1)
      ).length === 1
    );
  }

  async function eachArtefact(authorityId: string, visit: (one: Artefact, n: number) => Promise<void>): Promise<void> {
    let last = -1;
    for (let n = 0; ; ) {
      const rows = await db
        .select()
        .from(artefact)
        .where(and(eq(artefact.authorityId, authorityId), gt(artefact.id, last)))
        .orderBy(asc(artefact.id))
        .limit(PAGE);
      for (const one of rows) await visit(one, n++);
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.id ?? last;
    }
  }
}

function readJwk(text: string): PublicJwk | undefined {
  try {
    return JSON.parse(text) as PublicJwk;
  } catch {
    return undefined;
  }
}

async function checkArtefact(one: Artefact, issuer: string, jwks: { readonly keys: readonly PublicJwk[] }, add: Add): Promise<void> {
  const where = `${one.kind} ${one.key}`.trim();
  if (one.withheld === 'not_issued') return;
  if ((await sha256(one.bytes)) !== one.sha256) return add('artefact_hash', where, 'its bytes do not have its hash');
  if (one.variant === CLIENT_DOCUMENT) {
    const { client_id: id } = JSON.parse(one.bytes) as { client_id?: unknown };
    if (typeof id !== 'string' || !id.startsWith(`${endpointOf(issuer, 'clients')}/`)) add('artefact_claims', where, 'its client_id is not where it is served');
    return;
  }
  const jws = parseJws(one.bytes, one.mediaType.replace(/^application\//, ''), limits.MAX_CHAIN_BYTES);
  if (!jws.ok) return add('artefact_claims', where, jws.findings[0]?.detail ?? 'it cannot be read');
  // What a member signed was verified with its keys when it was uploaded, and goes when those keys do.
  if (one.kind === 'hosted') {
    if (jws.value.claims['sub'] !== one.key || jws.value.claims['iss'] !== one.key) add('artefact_claims', where, 'it is about another entity');
    return;
  }
  const verified = await verifyJws(jws.value, jwks as JwkSet);
  if (!verified.ok) add('artefact_signature', where, verified.findings[0]?.detail ?? 'it does not verify');
  const { iss, sub, iat, exp } = jws.value.claims;
  if (iss !== issuer || iat !== one.iat) add('artefact_claims', where, 'its iss or iat is not what is on record');
  if (one.kind === 'status_list' && sub !== statusListAt(issuer, one.key)) add('artefact_claims', where, 'it is another list');
  if (one.kind === 'statement' && sub !== one.key) add('artefact_claims', where, 'it is about another entity');
  // Of what an earlier version withheld the end is not on record.
  const end = one.kind === 'mark' && one.exp !== null ? (endOf(one.exp) ?? undefined) : one.exp;
  if (one.exp !== null && one.withheld !== 'earlier_version' && exp !== end) add('artefact_claims', where, 'its exp is not what is on record');
}
