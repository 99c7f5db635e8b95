import { and, asc, eq, gt, isNotNull, isNull, ne, or } from 'drizzle-orm';
import { type JwkSet, limits, type PublicJwk, verifyJws, parseJws } from '../federation/entry.js';
import { jsonEqual } from '../federation/strict-json.js';
import { sha256 } from '../keys/random.js';
import { EMPTY_HEAD, eventHash } from '../store/event.js';
import { HELD } from '../store/mark-places.js';
import { artefact, authority, event, member, trustMark, trustMarkGrant } from '../store/schema.js';
import type { Deployment } from './call.js';
import { endOf } from './marks/issue-mark.js';
import { authorityKeys } from './registry.js';
import { hashAt } from './restore/heads.js';
import { headSaid } from './restore/signed-head.js';

/** Something in the database that cannot be. */
export interface Damage {
  readonly code:
    | 'artefact_hash'
    | 'artefact_signature'
    | 'artefact_claims'
    | 'artefact_missing'
    | 'artefact_orphan'
    | 'event_hash'
    | 'event_gap'
    | 'key_missing';
  readonly authority: string;
  /** Where: an artefact, a member, an event. */
  readonly where: string;
  readonly detail: string;
}

const PAGE = 1000;
type Artefact = typeof artefact.$inferSelect;

/**
 * Read everything and prove the invariants: each artefact has its hash, its signature and its claims; each active member
 * has a statement and no other member has one; the event chain is whole. Changes nothing.
 */
export async function fsck(
  { store }: { readonly store: Pick<Deployment['store'], 'db'> },
  progress: (what: string, n: number) => void = () => undefined,
): Promise<readonly Damage[]> {
  const { db } = store;
  const damages: Damage[] = [];
  const authorities = await db.select().from(authority);
  for (const row of authorities) {
    const add = (code: Damage['code'], where: string, detail: string) => void damages.push({ code, authority: row.slug, where, detail });
    const keys = await authorityKeys(db, row.id);
    if (row.state === 'active' && keys.filter(({ state }) => state === 'active').length !== 1)
      add('key_missing', 'keys', 'there is not exactly one active key');
    const jwks = { keys: keys.map(({ jwk }) => jwk) };
    if (!(await hasOne(row.id, 'entity_configuration'))) add('artefact_missing', 'entity_configuration', 'the authority has no entity configuration');
    await eachArtefact(row.id, async (one, n) => {
      if (n % PAGE === 0) progress(`${row.slug}: artefacts`, n);
      await checkArtefact(one, row.entityId, jwks, add);
    });
    await checkMembers(row.id, add, (n) => progress(`${row.slug}: members`, n));
    await checkMarks(row.id, add);
  }
  for (const { id, slug } of [...authorities, { id: 'deployment', slug: 'deployment' }]) await checkEvents(id, slug);
  for (const { id, slug } of authorities) await checkHead(id, slug);
  return damages;

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

  async function checkMembers(
    authorityId: string,
    add: (code: Damage['code'], where: string, detail: string) => void,
    report: (n: number) => void,
  ): Promise<void> {
    let last = '';
    for (let n = 0; ; ) {
      const rows = await db
        .select({ entityId: member.entityId, state: member.state, jwks: member.jwks, validUntil: member.validUntil, statement: artefact.bytes })
        .from(member)
        .leftJoin(artefact, and(eq(artefact.authorityId, member.authorityId), eq(artefact.kind, 'statement'), eq(artefact.key, member.entityId)))
        .where(and(eq(member.authorityId, authorityId), gt(member.entityId, last)))
        .orderBy(asc(member.entityId))
        .limit(PAGE);
      for (const row of rows) {
        if (row.state === 'active' && row.statement === null) add('artefact_missing', `statement ${row.entityId}`, 'the member is active and has no statement');
        if (row.state !== 'active' && row.statement !== null)
          add('artefact_orphan', `statement ${row.entityId}`, `the member is ${row.state} and has a statement`);
        const jws = row.statement === null ? undefined : parseJws(row.statement, 'entity-statement+jwt');
        if (jws?.ok && !jsonEqual(jws.value.claims['jwks'], row.jwks))
          add('artefact_claims', `statement ${row.entityId}`, 'its keys are not those bound to the member');
      }
      n += rows.length;
      report(n);
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.entityId ?? last;
    }
  }

  /** A mark is borne by an active member from a grant in force; an "active" answer is about a mark nobody withdrew. */
  async function checkMarks(authorityId: string, add: (code: Damage['code'], where: string, detail: string) => void): Promise<void> {
    const borne = await db
      .select({ key: artefact.key, state: member.state, grant: trustMarkGrant.state })
      .from(artefact)
      .leftJoin(member, eq(member.id, artefact.memberId))
      .leftJoin(trustMark, and(eq(trustMark.authorityId, artefact.authorityId), eq(trustMark.sha256, artefact.sha256)))
      .leftJoin(trustMarkGrant, eq(trustMarkGrant.id, trustMark.grantId))
      .where(
        and(
          eq(artefact.authorityId, authorityId),
          eq(artefact.kind, 'mark'),
          ne(artefact.bytes, HELD),
          or(ne(member.state, 'active'), isNull(member.state), ne(trustMarkGrant.state, 'active'), isNull(trustMarkGrant.state)),
        ),
      )
      .limit(PAGE);
    for (const { key, state, grant } of borne)
      add('artefact_orphan', `mark ${key.replace('\n', ' for ')}`, `it is published, its member is ${state ?? 'unknown'} and its grant ${grant ?? 'unknown'}`);
    const wrong = await db
      .select({ jti: trustMark.jti })
      .from(artefact)
      .innerJoin(trustMark, and(eq(trustMark.authorityId, artefact.authorityId), eq(trustMark.sha256, artefact.key)))
      .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'mark_status'), eq(artefact.variant, 'active'), isNotNull(trustMark.revokedAt)))
      .limit(PAGE);
    for (const { jti } of wrong) add('artefact_orphan', `mark_status ${jti}`, 'the mark was withdrawn and is still called active');
  }

  /** The head that was signed and served stands in the chain: events taken away from its end are missed. */
  async function checkHead(authorityId: string, slug: string): Promise<void> {
    const [row] = await db
      .select()
      .from(artefact)
      .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'head')))
      .limit(1);
    const head = row && headSaid(row.bytes);
    if (head && (await hashAt(db, authorityId, head.seq)) !== head.hash)
      damages.push({ code: 'event_gap', authority: slug, where: `event ${head.seq}`, detail: 'the signed head names it, and the chain does not have it' });
  }

  async function checkEvents(authorityId: string, slug: string): Promise<void> {
    let head = EMPTY_HEAD;
    for (;;) {
      const rows = await db
        .select()
        .from(event)
        .where(and(eq(event.authorityId, authorityId), gt(event.seq, head.seq)))
        .orderBy(asc(event.seq))
        .limit(PAGE);
      for (const row of rows) {
        if (row.seq !== head.seq + 1)
          damages.push({ code: 'event_gap', authority: slug, where: `event ${row.seq}`, detail: `event ${head.seq + 1} is missing` });
        else if (row.prevHash !== head.hash)
          damages.push({ code: 'event_hash', authority: slug, where: `event ${row.seq}`, detail: 'it does not follow from the event before it' });
        if (eventHash(row) !== row.hash)
          damages.push({ code: 'event_hash', authority: slug, where: `event ${row.seq}`, detail: 'its content does not have its hash' });
        head = { seq: row.seq, hash: row.hash };
      }
      progress(`${slug}: events`, head.seq);
      if (rows.length < PAGE) return;
    }
  }
}

async function checkArtefact(
  one: Artefact,
  issuer: string,
  jwks: { readonly keys: readonly PublicJwk[] },
  add: (code: Damage['code'], where: string, detail: string) => void,
): Promise<void> {
  const where = `${one.kind} ${one.key}`.trim();
  // Nothing was signed yet.
  if (one.kind === 'mark' && one.bytes === HELD && one.exp === 0) return;
  if ((await sha256(one.bytes)) !== one.sha256) return add('artefact_hash', where, 'its bytes do not have its hash');
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
  if (one.kind === 'statement' && sub !== one.key) add('artefact_claims', where, 'it is about another entity');
  // exp 0 on record: withheld after a compromise, until it is signed anew.
  const end = one.kind === 'mark' && one.exp !== null ? (endOf(one.exp) ?? undefined) : one.exp;
  if (one.exp !== null && one.exp !== 0 && exp !== end) add('artefact_claims', where, 'its exp is not what is on record');
}
