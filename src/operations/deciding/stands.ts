import { and, eq } from 'drizzle-orm';
import { bundlesOf } from '../../store/bundles.js';
import type { ProposalRow } from '../../store/proposals.js';
import { authority, organization, trustMarkType } from '../../store/schema.js';
import { isObject, jsonEqual } from '../../federation/strict-json.js';
import type { Database } from '../../store/database.js';
import { readRules } from '../accreditations/set-admission.js';
import { keptInWords } from '../agents/agent-limits.js';
import { asTheyAre } from '../authorities/authorities.js';
import { inWords } from '../binding/set-binding.js';
import type { Call } from '../call.js';
import { barredFor, bundleVersions, memberContent } from '../members/decided-by.js';
import { Refusal } from '../refusal.js';
import { findMember, type MemberRow, publishedPolicy } from '../registry.js';
import { digestOf } from './consent.js';
import { hasLapsed } from './proposal-end.js';
import { cutSinceProposed } from './cut-since-proposed.js';

/** What a proposal is about, as it stands now. */
export interface Standing {
  /** Is it still what was approved first? */
  readonly current: boolean;
  /** Who may not be the second. */
  readonly barred: readonly string[];
}

/** @throws nothing: what cannot be read is not current */
export async function standingOf(call: Call, row: ProposalRow): Promise<Standing> {
  try {
    const found = await lookAt(call, row);
    return { ...found, current: found.current && !hasLapsed(call, row) && !(await cutSinceProposed(call.store.db, row)) };
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return { current: false, barred: [] };
    throw error;
  }
}

const onMember = (row: ProposalRow): boolean =>
  row.kind === 'application' || (row.kind === 'widening' && row.request['act'] !== 'bundle') || (row.kind === 'resume' && row.request['act'] === 'resume');

async function lookAt(call: Call, row: ProposalRow): Promise<Standing> {
  const { db } = call.store;
  const { content } = row;
  if (onMember(row)) return memberStanding(call, row, await findMember(db, row.authorityId, row.subjectId));
  const [of] = await db.select().from(authority).where(eq(authority.id, row.authorityId)).limit(1);
  switch (row.kind) {
    case 'policy':
      return { current: ((await publishedPolicy(db, row.authorityId))?.version ?? null) === content['replaces'], barred: [] };
    case 'widening': {
      const bundle = (await bundlesOf(db, row.authorityId)).get(String(content['bundle']));
      return { current: bundle?.state === 'active' && bundle.v === content['v'], barred: [] };
    }
    case 'quorum':
      return { current: of?.quorum === content['from'], barred: [] };
    case 'binding':
      return { current: of !== undefined && jsonEqual(await inWords(of), content['from']), barred: [] };
    case 'settings':
      return { current: of !== undefined && jsonEqual(asTheyAre(of, content['to'] as object), content['from']), barred: [] };
    case 'mark_type': {
      const [type] = await markTypeOf(db, row);
      return { current: type?.v === content['v'], barred: [] };
    }
    case 'admission':
      return { current: of !== undefined && jsonEqual(readRules(of), content['from']), barred: [] };
    case 'agents':
      return { current: of !== undefined && jsonEqual(keptInWords(of), content['from']), barred: [] };
    case 'resume':
      return { current: (await haltOf(call, row)) === content['v'], barred: [] };
    case 'role':
      return { current: true, barred: [String(content['person'])] };
    default:
      return { current: true, barred: [] };
  }
}

const STATES: Readonly<Record<string, readonly string[]>> = { application: ['vetting', 'approved'], resume: ['suspended'], widening: ['active'] };

async function memberStanding({ store: { db } }: Call, row: ProposalRow, member: MemberRow): Promise<Standing> {
  const { kind, content } = row;
  const now = {
    ...(await memberContent(db, member)),
    ...(kind === 'widening' && { widens: content['widens'], request: content['request'] }),
    ...(isObject(content['gives']) && { gives: await bundleVersions(db, row.authorityId, Object.keys(content['gives'])) }),
  };
  const current = (STATES[kind] ?? []).includes(member.state) && (await digestOf(kind, row.subjectId, now)) === row.digest;
  return { current, barred: kind === 'widening' ? [] : [...(await barredFor(db, member, kind === 'resume' ? 'resume' : 'application')).keys()] };
}

/** The number that rises with each halt of what would be resumed. */
async function haltOf({ store: { db } }: Call, { request, authorityId, subjectId }: ProposalRow): Promise<number | undefined> {
  if (request['act'] === 'authority') return (await db.select().from(authority).where(eq(authority.id, subjectId)).limit(1))[0]?.cut;
  if (request['act'] === 'organization') return (await db.select().from(organization).where(eq(organization.id, subjectId)).limit(1))[0]?.v;
  return (await markTypeOf(db, { authorityId, subjectId }))[0]?.v;
}

const markTypeOf = (db: Database, { authorityId, subjectId }: Pick<ProposalRow, 'authorityId' | 'subjectId'>) =>
  db
    .select({ v: trustMarkType.v })
    .from(trustMarkType)
    .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, subjectId)))
    .limit(1);
