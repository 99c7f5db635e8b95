import { and, asc, eq, gt, isNotNull, sql } from 'drizzle-orm';
import { applyMetadataPolicy, type EntityStatement, type Finding, finding, usableKeys } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { type Hold, member, memberWatch, metadataPolicy } from '../../store/schema.js';
import { allow, type Call, change, type Deployment, systemCall } from '../call.js';
import { adoptMemberKeys, replaceMemberKeys } from './change-member.js';
import { judge } from './preflight.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, findMember, type MemberRow } from '../registry.js';
import type { Evaluated } from '../resolving/store-evaluation.js';
import { count, forecast, HOLD_DETAIL, judgeKeys } from './watch-rules.js';

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
  let hold: Hold | null = before.hold;
  if (statement) {
    const verdict = await follow(deployment, authority, row, before, statement);
    seen.push(
      ...verdict.findings,
      ...(await judge(deployment, authority, statement)),
      ...(await reported(deployment, authority, statement)),
      ...forecast(row, statement.claims, now),
    );
    hold =
      verdict.hold && (await fingerprint(verdict.hold)) !== before.dismissed
        ? { ...verdict.hold, at: before.hold?.kind === verdict.hold.kind ? before.hold.at : now }
        : null;
  } else seen.push(...(evaluation.walk.steps.find(({ what, of }) => what === 'configuration' && of[0] === entityId)?.findings ?? []));
  const counted = count(before, seen, now);
  const after: WatchRow = {
    ...before,
    checkedAt: now,
    okAt: statement ? now : before.okAt,
    failures: statement ? 0 : before.failures + 1,
    ...(statement && { metadata: statement.claims.metadata ?? {}, configurationIat: statement.claims.iat, configurationExp: statement.claims.exp }),
    raised: counted.raised,
    counting: counted.counting,
    hold,
  };
  const put = insertRows(memberWatch, [after], REPLACE);
  const told = (hold?.kind ?? null) !== (before.hold?.kind ?? null);
  if (!told && counted.appeared.length === 0 && counted.cleared.length === 0) return deployment.store.write([put]);
  const subject = { subjectKind: 'member' as const, subjectId: row.id };
  const codes = (findings: readonly Finding[]) => [...new Set(findings.map(({ code }) => code))];
  await change<null>(systemCall(deployment), {
    authorityId: authority.id,
    scope: entityId,
    decide: async () => ({
      events: [
        ...(told
          ? [
              {
                type: hold ? 'member.held' : 'member.hold_ended',
                ...subject,
                detail: { entity_id: entityId, ...(hold && { kind: hold.kind, detail: hold.detail }) },
              },
            ]
          : []),
        ...(counted.appeared.length ? [{ type: 'member.findings_raised', ...subject, detail: { entity_id: entityId, codes: codes(counted.appeared) } }] : []),
        ...(counted.cleared.length ? [{ type: 'member.findings_cleared', ...subject, detail: { entity_id: entityId, codes: codes(counted.cleared) } }] : []),
      ],
      statements: [put],
      result: null,
    }),
  });
  return undefined;
}

const REPLACE = `ON CONFLICT (member_id) DO UPDATE SET ${['checked_at', 'ok_at', 'failures', 'metadata', 'configuration_iat', 'configuration_exp', 'raised', 'counting', 'hold', 'dismissed'].map((name) => `${name} = excluded.${name}`).join(', ')}`;

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

/** The same keys shown for the same reason: what a person has dismissed once. */
const fingerprint = ({ kind, jwks }: Hold): Promise<string> => sha256(JSON.stringify([kind, ...jwks.keys.map(({ kid, x, n }) => [kid, x, n])]));

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
    try {
      await adoptMemberKeys(systemCall(deployment), authority.slug, row.id, statement.compact);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { findings: error.findings, hold: null };
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
            ? sql`raised <> '[]'`
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
 * suspend or revoke the member); dismissing leaves everything as it is, and the same keys are not held again.
 * @throws Refusal not_found, wrong_state, findings
 */
export async function decideHold(call: Call, slug: string, id: string, accept: boolean, reason: string): Promise<WatchRow> {
  allow(call, accept ? 'approve' : 'enroll', slug);
  const row = await getWatched(call, slug, id);
  const { hold } = row;
  if (!hold) throw new Refusal('wrong_state', 'nothing is held for this member');
  if (accept && hold.kind === 'hints_withdrawn')
    throw new Refusal('wrong_state', 'there is nothing to accept: the member left; suspend or revoke it, or dismiss this if it is a mistake of theirs');
  if (accept) {
    const jwks = usableKeys(hold.jwks);
    if (!jwks.ok) throw new Refusal('findings', 'the keys shown cannot be bound', jwks.findings);
    await replaceMemberKeys(call, slug, id, { jwks: hold.jwks, reason });
  }
  const after: WatchRow = { ...row, hold: null, dismissed: accept ? null : await fingerprint(hold) };
  await change<null>(call, {
    authorityId: row.authorityId,
    scope: row.entityId,
    decide: async () => ({
      events: [
        {
          type: accept ? 'member.hold_accepted' : 'member.hold_dismissed',
          subjectKind: 'member',
          subjectId: row.memberId,
          reason,
          detail: { entity_id: row.entityId, kind: hold.kind },
        },
      ],
      statements: [insertRows(memberWatch, [after], REPLACE)],
      result: null,
    }),
  });
  return after;
}
