import { and, eq } from 'drizzle-orm';
import { type HandedOut, latestOfAuthority } from '../../store/outstanding.js';
import {
  activeAfter,
  answersElsewhere,
  answersOfAuthority,
  belowAuthority,
  LOOKED_AT,
  marksOfAuthority,
  someStatements,
  statementsOfAuthority,
} from '../../store/reach-counts.js';
import { authority, member } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import type { Counts } from '../halts/counts.js';
import { paced } from '../paced.js';
import { findAuthority } from '../registry.js';

/** What a halt of an authority would reach. */
export interface AuthorityReach {
  readonly members: number;
  readonly marks: number;
  /** Answers of other authorities of this deployment that rest on it. */
  readonly answersElsewhere: number;
  /** Authorities of this deployment of which it is an active member, by slug. */
  readonly memberOf: readonly string[];
  /** When the last copy of a statement that somebody may hold ends: until then it verifies, whatever is halted. */
  readonly lastCopyUntil: number | null;
  /** Of these there may be more: nobody waits in an emergency until a million are counted. */
  readonly atLeast: readonly ('members' | 'marks' | 'answersElsewhere')[];
}

/** Members that are counted. */
const MEMBERS = 100_000;
const EXAMPLES = 5;

async function membersOf(call: Call, id: string): Promise<{ readonly n: number; readonly intermediates: number; readonly more: boolean }> {
  const read = paced(call.store);
  let [n, intermediates, from] = [0, 0, ''];
  while (n < MEMBERS) {
    const after = from;
    const found = await read(() => activeAfter(call.store.db, id, after));
    n += found.n;
    intermediates += found.intermediates;
    if (found.n < LOOKED_AT) return { n, intermediates, more: false };
    from = found.last;
  }
  return { n, intermediates, more: true };
}

/** Authorities here of which it is an active member. In this order it is one look-up an authority: by its identifier alone no index finds a member. */
const superiorsOf = ({ store: { db } }: Call, entityId: string) =>
  db
    .select({ slug: authority.slug })
    .from(authority)
    .crossJoin(member)
    .where(and(eq(member.authorityId, authority.id), eq(member.entityId, entityId), eq(member.state, 'active')));

/** Count what a halt would reach; changes nothing. */
export async function authorityReach(call: Call, slug: string): Promise<AuthorityReach> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id, entityId } = await findAuthority(db, slug);
  const members = await membersOf(call, id);
  const [marks, answers] = [await marksOfAuthority(db, id, call.now()), await answersElsewhere(db, id)];
  const statements = await someStatements(db, id);
  return {
    members: members.n,
    marks: marks.count,
    answersElsewhere: answers.count,
    memberOf: (await superiorsOf(call, entityId)).map((one) => one.slug),
    // Of too many to be looked at none lasts longer than all that was ever signed.
    lastCopyUntil: statements.more ? await latestOfAuthority(db, id) : statements.until,
    atLeast: [
      ...(members.more ? (['members'] as const) : []),
      ...(marks.more ? (['marks'] as const) : []),
      ...(answers.more ? (['answersElsewhere'] as const) : []),
    ],
  };
}

/** The same in the words of all cuts (halts/reach.ts). */
export async function countedOfAuthority(
  call: Call,
  slug: string,
): Promise<{ readonly counts: Counts; readonly answers: HandedOut; readonly atLeast: readonly (keyof Counts)[]; readonly examples: readonly string[] }> {
  const { db } = call.store;
  const { id, entityId } = await findAuthority(db, slug);
  const members = await membersOf(call, id);
  const marks = await marksOfAuthority(db, id, call.now());
  const statements = await statementsOfAuthority(db, id);
  const [answers, below] = [await answersOfAuthority(db, id), await belowAuthority(db, id)];
  const first = await db
    .select({ entityId: member.entityId })
    .from(member)
    .where(and(eq(member.authorityId, id), eq(member.state, 'active')))
    .orderBy(member.entityId)
    .limit(EXAMPLES);
  return {
    counts: {
      members: members.n,
      statements: statements.count,
      marks: marks.count,
      answers: answers.count,
      intermediates: members.intermediates,
      below: below.count,
      otherAuthorities: (await superiorsOf(call, entityId)).length,
    },
    answers,
    atLeast: [
      ...(members.more ? (['members', 'intermediates'] as const) : []),
      ...(statements.more ? (['statements'] as const) : []),
      ...(marks.more ? (['marks'] as const) : []),
      ...(answers.more ? (['answers'] as const) : []),
      ...(below.more ? (['below'] as const) : []),
    ],
    examples: first.map((one) => one.entityId),
  };
}
