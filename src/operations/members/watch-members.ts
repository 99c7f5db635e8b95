import { and, asc, eq, gt, isNotNull } from 'drizzle-orm';
import { applyMetadataPolicy, type EntityStatement, type Finding, finding, usableKeys } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { listHasAny } from '../../store/conditions.js';
import { putWatch } from '../../store/member-watches.js';
import { type Hold, member, memberWatch, metadataPolicy } from '../../store/schema.js';
import { sameKey } from '../../federation/jwk-set.js';
import { missingFor } from '../binding/key-rules.js';
import { allow, type Call, change, type Deployment, systemCall } from '../call.js';
import { adoptMemberKeys, bindByPerson } from './change-member.js';
import { rewrite } from './rewrite-member.js';
import { certifiedAnew, keyDifference, withCertificates } from './key-binding.js';
import { judge } from './preflight.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, findMember, type MemberRow } from '../registry.js';
import type { Evaluated } from '../resolving/store-evaluation.js';
import { count, findingEvents, FOLLOW_AFTER, forecast, HOLD_DETAIL, holding, isEvent, judgeKeys } from './watch-rules.js';

export type WatchRow = typeof memberWatch.$inferSelect;

/**
 * Look at what an evaluation has fetched of a member of ours: follow its keys where the rules of rollover allow, note
 * findings that last, hold what is suspicious for a person. Nothing is fetched again.
 */
export async function watchMember(deployment: Deployment, authority: AuthorityRow, entityId: string, { evaluation }: Evaluated): Promise<void> {
  const { db } = deployment.store;
  const [row] = await db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authority.id), eq(member.entityId, entityId), eq(member.state, 'active')))
    .limit(1);
  if (!row) return;
  const [known] = await db.select().from(memberWatch).where(eq(memberWatch.memberId, row.id)).limit(1);
  const before = known ?? blank(row);
  const now = deployment.now();
  const statement = evaluation.configuration;
  const seen: Finding[] = [];
  let held: ReturnType<typeof holding> = { hold: before.hold };
  if (statement) {
    const verdict = await follow(deployment, authority, row, before, statement);
    seen.push(
      ...verdict.findings,
      ...(await judge(deployment, authority, statement)),
      ...(await reported(deployment, authority, statement)),
      ...forecast(row, statement.claims, now),
    );
    const shown = verdict.hold && (await fingerprint(verdict.hold)) !== before.dismissed ? verdict.hold : null;
    held = holding(before.hold, shown, now, await isSettled(row, before.hold));
  } else seen.push(...(evaluation.walk.steps.find(({ what, of }) => what === 'configuration' && of[0] === entityId)?.findings ?? []));
  const { hold } = held;
  const counted = count(before, seen, now);
  const quota = findingEvents(before.counting, now);
  const told = [['member.findings_raised', counted.appeared] as const, ['member.findings_cleared', counted.cleared] as const]
    .map(([type, findings]) => ({ type, codes: [...new Set(findings.filter(isEvent).map(({ code }) => code))] }))
    .filter(({ codes }) => codes.length > 0)
    .slice(0, quota.left);
  const after: WatchRow = {
    ...before,
    checkedAt: now,
    okAt: statement ? now : before.okAt,
    failures: statement ? 0 : before.failures + 1,
    ...(statement && { metadata: statement.claims.metadata ?? {}, configurationIat: statement.claims.iat, configurationExp: statement.claims.exp }),
    raised: counted.raised,
    counting: { ...counted.counting, ...quota.counted(told.length) },
    hold,
  };
  const put = putWatch(after);
  if (held.told === undefined && told.length === 0) return deployment.store.write([put]);
  const subject = { subjectKind: 'member' as const, subjectId: row.id };
  // The last one of the day says so: what comes after it stands in the watch alone.
  const last = told.length === quota.left ? { more: 'further findings of today are not told as events; see: holdfast member watch' } : {};
  await change<null>(systemCall(deployment), {
    authorityId: authority.id,
    scope: entityId,
    decide: async () => {
      const [current] = await db.select().from(memberWatch).where(eq(memberWatch.memberId, row.id)).limit(1);
      // A person has decided while we looked: what was seen before says nothing about it.
      const untouched = (current?.dismissed ?? null) === before.dismissed;
      const events = [
        ...(held.told && untouched
          ? [{ type: held.told, ...subject, detail: { entity_id: entityId, ...(hold && { kind: hold.kind, detail: hold.detail }) } }]
          : []),
        ...told.map(({ type, codes }, n) => ({ type, ...subject, detail: { entity_id: entityId, codes, ...(n === told.length - 1 && last) } })),
      ];
      return { events, statements: [put], result: null };
    },
  });
  return undefined;
}

const blank = ({ id, authorityId, entityId }: MemberRow): WatchRow => ({
  memberId: id,
  authorityId,
  entityId,
  checkedAt: 0,
  okAt: null,
  failures: 0,
  metadata: null,
  configurationIat: null,
  configurationExp: null,
  raised: [],
  counting: {},
  hold: null,
  dismissed: null,
});

/** Has a person bound the keys that are held? */
async function isSettled({ jwks }: MemberRow, hold: Hold | null): Promise<boolean> {
  const shown = hold && hold.kind !== 'hints_withdrawn' ? usableKeys(hold.jwks) : undefined;
  return shown?.ok === true && (await keyDifference(jwks, shown.value.jwks)).added.length === 0;
}

/** The same keys shown for the same reason: what a decision names. */
export const fingerprint = ({ kind, jwks }: Hold): Promise<string> => sha256(JSON.stringify([kind, ...jwks.keys.map(({ kid, x, n }) => [kid, x, n])]));

/** The keys that a configuration adds, how many stay under other certificates, and how many of the bound ones it lacks. */
function changesOf(row: MemberRow, statement: EntityStatement) {
  const shown = usableKeys(statement.claims.jwks);
  const keys = shown.ok ? shown.value.jwks.keys : [];
  const added = keys.filter((key) => !row.jwks.keys.some((bound) => sameKey(bound, key)));
  const renewed = certifiedAnew(row.jwks, withCertificates({ keys }, row.jwks)).length;
  return { added, renewed, removed: row.jwks.keys.filter((bound) => !keys.some((key) => sameKey(bound, key))).length };
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}

async function follow(
  deployment: Deployment,
  authority: AuthorityRow,
  row: MemberRow,
  before: WatchRow,
  statement: EntityStatement,
): Promise<{ readonly findings: readonly Finding[]; readonly hold: Hold | null }> {
  const { jwks, iat } = statement.claims;
  const held = (kind: Hold['kind']): Hold => ({ kind, detail: HOLD_DETAIL[kind], jwks, iat, at: deployment.now() });
  const verdict = await judgeKeys(row, statement);
  if (verdict === 'replayed')
    return { findings: [finding('configuration_replayed', 'iat', `it is of ${iat}, one of ${row.keysIat} was adopted before`)], hold: null };
  if (verdict === 'adopt') {
    const { added, renewed, removed } = changesOf(row, statement);
    const early = row.keysFollowedAt !== null && deployment.now() - row.keysFollowedAt < FOLLOW_AFTER;
    const unproven = (await missingFor(deployment.store.db, authority, row, { keys: added }, 'bind', deployment.now())).length > 0;
    // Taking a key away is followed at once, whatever comes with it: it may have leaked.
    const removals = (early && added.length + renewed > 0) || unproven;
    const hold = unproven ? held('key_unproven') : null;
    if (removals && removed === 0) return { findings: [], hold };
    const adopt = (only: boolean) => adoptMemberKeys(systemCall(deployment), authority.slug, row.id, statement.compact, { removals: only });
    try {
      await adopt(removals);
      if (removals) return { findings: [], hold };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // What is refused is held, and stops no removal beside it.
      if (!removals && removed > 0) await adopt(true).catch(unlessRefused);
      return { findings: error.findings, hold: added.length ? held('keys_refused') : null };
    }
  } else if (verdict !== 'same') return { findings: [], hold: held(verdict) };
  const named = statement.claims.authority_hints?.includes(authority.entityId as never);
  // A member that never named us has a finding that says so; one that did and stopped is a person's to judge.
  const missing = [...before.raised.map(({ code }) => code), ...Object.keys(before.counting)].some((name) => name.startsWith('authority_hint_missing'));
  const didName = before.hold?.kind === 'hints_withdrawn' || (before.okAt !== null && !missing);
  return { findings: [], hold: !named && didName ? held('hints_withdrawn') : null };
}

/** Members that a policy in its report-only period would break. */
async function reported(deployment: Deployment, authority: AuthorityRow, { claims }: EntityStatement): Promise<readonly Finding[]> {
  const [policy] = await deployment.store.db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, authority.id), eq(metadataPolicy.state, 'reporting')))
    .limit(1);
  const applied = policy && applyMetadataPolicy(policy.policy, claims.metadata ?? {});
  return applied && !applied.ok ? applied.findings.map((one) => ({ ...one, where: `policy version ${policy.version} (report only) ${one.where}` })) : [];
}

export interface WatchFilter extends PageRequest {
  readonly only?: 'held' | 'findings' | 'failing' | undefined;
}

/** What watching has found, by Entity Identifier. */
export async function listWatched(call: Call, slug: string, { limit, cursor, only }: WatchFilter): Promise<Page<WatchRow>> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const rows = await call.store.db
    .select()
    .from(memberWatch)
    .where(
      and(
        eq(memberWatch.authorityId, id),
        cursor === undefined ? undefined : gt(memberWatch.entityId, cursor),
        only === 'held'
          ? isNotNull(memberWatch.hold)
          : only === 'findings'
            ? listHasAny(memberWatch.raised)
            : only === 'failing'
              ? gt(memberWatch.failures, 0)
              : undefined,
      ),
    )
    .orderBy(asc(memberWatch.entityId))
    .limit(limit + 1);
  return page(rows, limit, ({ entityId }) => entityId);
}

/** @throws Refusal not_found before the member was looked at for the first time */
export async function getWatched(call: Call, slug: string, id: string): Promise<WatchRow> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const found = await findMember(db, (await findAuthority(db, slug)).id, id);
  const [row] = await db.select().from(memberWatch).where(eq(memberWatch.memberId, found.id)).limit(1);
  if (!row) throw new Refusal('not_found', 'this member has not been looked at yet');
  return row;
}

/**
 * A person has looked at what is held. Accepting binds the keys shown (for a withdrawn hint there is nothing to bind:
 * suspend or revoke the member); dismissing leaves everything as it is. Either way the same keys are not held again for the
 * same reason. One commit.
 * @param seen the fingerprint of the hold that was decided about; a look since then may have changed it
 * @throws Refusal not_found, wrong_state, version_conflict, findings
 */
export async function decideHold(
  call: Call<WatchRow>,
  slug: string,
  id: string,
  accept: boolean,
  reason: string,
  seen?: string,
  digest?: string,
): Promise<WatchRow> {
  allow(call, accept ? 'approve' : 'enroll', slug);
  const { memberId, authorityId, entityId, hold: seenHold } = await getWatched(call, slug, id);
  const decided = async () => {
    const row = await getWatched(call, slug, id);
    const { hold } = row;
    if (!hold) throw new Refusal('wrong_state', 'nothing is held for this member');
    const is = await fingerprint(hold);
    if (seen !== undefined && seen !== is) throw new Refusal('version_conflict', `it shows something else now (${hold.kind}); read the hold again`);
    const after: WatchRow = { ...row, hold: null, dismissed: is };
    const event = {
      type: accept ? 'member.hold_accepted' : 'member.hold_dismissed',
      subjectKind: 'member' as const,
      subjectId: memberId,
      reason,
      detail: { entity_id: entityId, kind: hold.kind, hold: is },
    };
    const put = call.store.db.update(memberWatch).set({ hold: null, dismissed: is }).where(eq(memberWatch.memberId, memberId));
    return { hold, after, event, put };
  };
  if (!accept)
    return change(call, {
      authorityId,
      scope: entityId,
      async decide() {
        const { after, event, put } = await decided();
        return { events: [event], statements: [put], result: after };
      },
    });
  let written: WatchRow | undefined;
  const keys = usableKeys(seenHold?.jwks);
  return rewrite(
    call,
    slug,
    id,
    undefined,
    { request: { act: 'hold', reason, seen: seen ?? null }, digest },
    async (...rows) => {
      const { hold, after, event, put } = await decided();
      if ((hold.seenAt ?? 0) < (after.okAt ?? 0) && hold.seenAt !== undefined)
        throw new Refusal('wrong_state', 'its last configuration does not show these keys any more; dismiss this, or bind keys that you have confirmed');
      if (hold.kind === 'hints_withdrawn')
        throw new Refusal('wrong_state', 'there is nothing to accept: the member left; suspend or revoke it, or dismiss this if it is a mistake of theirs');
      const jwks = usableKeys(hold.jwks);
      if (!jwks.ok) throw new Refusal('findings', 'the keys shown cannot be bound', jwks.findings);
      written = after;
      const { row, events, first = [] } = await bindByPerson(call, rows, jwks.value.jwks, reason);
      return { row, events: [event, ...events], first: [...first, put] };
    },
    () => written as WatchRow,
    keys.ok ? [keys.value.jwks] : [],
  );
}
