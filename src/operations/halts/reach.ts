import { answersResting, type Below, type HandedOut, handedOutOf, hangingOn, latestOfAuthority, membersNamed } from '../../store/outstanding.js';
import { activeAmong, answersWithMark, marksOfType, type Some, someOfOrganization, someWithKey } from '../../store/reach-counts.js';
import { authority } from '../../store/schema.js';
import { countedOfAuthority } from '../authorities/reach.js';
import { allow, type Call, may } from '../call.js';
import { findMarkType } from '../marks/mark-types.js';
import { keyNamed } from '../members/halt-key.js';
import { organizationOrRefuse } from '../organizations/find-organization.js';
import { registerOf, rowsOf } from '../organizations/halt-everywhere.js';
import { paced } from '../paced.js';
import { findAuthority, findMember } from '../registry.js';
import { COUNTS, type Counts, NONE } from './counts.js';
import { earlierCuts } from './earlier-cuts.js';
import { type Held, held } from './held.js';
import { isEverywhere, type Target } from './target.js';

/** The blast radius of a cut, counted before it. */
export interface Reach extends Counts {
  /** Of these there may be more: nobody waits in an emergency until a million are counted. */
  readonly atLeast: readonly (keyof Counts)[];
  /** Some of the members, by their identifiers. */
  readonly examples: readonly string[];
  readonly othersMayHold: Held;
  /** Nothing that these authorities ever signed with their keys of today lasts longer; null where something has no end. */
  readonly atMostUntil: number | null;
}

/** Members that are looked at one by one. */
const MEMBERS = 5000;
const EXAMPLES = 5;

/** Count what a cut would reach; changes nothing. @throws Refusal as the cut itself would */
export async function haltReach(call: Call, target: Target): Promise<Reach> {
  allow(call, 'read', isEverywhere(target) ? null : (target.authority ?? null));
  const { db } = call.store;
  switch (target.level) {
    case 'authority': {
      const { id } = await findAuthority(db, target.authority);
      const { counts, atLeast, answers, examples } = await countedOfAuthority(call, target.authority);
      const latest: HandedOut = { count: 0, until: await latestOfAuthority(db, id) };
      return { ...counts, atLeast, examples, ...(await times(call, [id], [latest, answers], await earlierCuts(db, id, [id]))) };
    }
    case 'mark_type': {
      const { id } = await findAuthority(db, target.authority);
      await findMarkType(call, id, target.type);
      const [marks, answers] = [await marksOfType(db, id, target.type, call.now()), await answersWithMark(db, id, target.type)];
      const atLeast = [...(marks.more ? (['marks'] as const) : []), ...(answers.more ? (['answers'] as const) : [])];
      return { ...NONE, marks: marks.count, answers: answers.count, atLeast, examples: [], ...(await times(call, [id], [marks, answers])) };
    }
    case 'member': {
      const { id } = await findAuthority(db, target.authority);
      const row = await findMember(db, id, target.member);
      const before = await earlierCuts(db, id, [row.id, row.suspendedWith ?? '', row.organizationId ?? '']);
      return ofMembers(call, [id], { ids: [row.id], more: false }, before);
    }
    case 'organization': {
      const rows = isEverywhere(target)
        ? await rowsOf(call, await registerOf(call, target))
        : [await organizationOrRefuse(call, (await findAuthority(db, target.authority ?? '')).id, target.organization ?? '')];
      const parts: Reach[] = [];
      for (const { id, authorityId } of rows)
        parts.push(await ofMembers(call, [authorityId], await someOfOrganization(db, authorityId, id, MEMBERS), await earlierCuts(db, authorityId, [id])));
      return together(call, parts);
    }
    case 'key': {
      const of = target.authority === undefined ? undefined : await findAuthority(db, target.authority);
      return ofMembers(call, undefined, await someWithKey(db, (await keyNamed(call, target)).thumbprint, of?.id, MEMBERS));
    }
  }
}

async function times(call: Call, authorityIds: readonly string[], all: readonly HandedOut[], before: readonly (number | null)[] = []) {
  const latest = await Promise.all(authorityIds.map((id) => latestOfAuthority(call.store.db, id)));
  // Of what was not looked at nothing lasts longer than all that was ever signed.
  const ends = [...all.map(({ until }) => until), ...before, ...(all.some(({ more }) => more) ? latest : [])];
  return { othersMayHold: held(call.now(), ends), atMostUntil: held(call.now(), latest).until };
}

/** @param of their authorities; undefined: those that they turn out to have */
async function ofMembers(call: Call, of: readonly string[] | undefined, { ids, more }: Some, before: readonly (number | null)[] = []): Promise<Reach> {
  const { db } = call.store;
  const read = paced(call.store);
  const rows = await read(() => activeAmong(db, ids));
  const active = rows.filter(({ state }) => state === 'active');
  const whom = membersNamed(active.map(({ id }) => id));
  const { statements, hosted, marks, opening } = await read(() => handedOutOf(db, whom, call.now()));
  const answers = await read(() => answersResting(db, whom));
  const all = await readable(call);
  const hanging: Below = await read(() => hangingOn(db, whom, all));
  const rest: HandedOut = { count: 0, until: null, more };
  return {
    members: active.length,
    statements: statements.count,
    marks: marks.count,
    answers: answers.count,
    intermediates: hanging.intermediates,
    below: hanging.below,
    otherAuthorities: hanging.authorities,
    atLeast: more ? COUNTS : [],
    examples: active.slice(0, EXAMPLES).map(({ entityId }) => entityId),
    ...(await times(call, of ?? [...new Set(rows.map(({ authorityId }) => authorityId))], [statements, hosted, marks, answers, opening, rest], before)),
  };
}

/** Nobody is told of authorities that are not theirs to read. */
async function readable(call: Call): Promise<readonly string[]> {
  const all = await call.store.db.select({ id: authority.id, slug: authority.slug }).from(authority);
  return all.filter(({ slug }) => may(call, 'read', slug)).map(({ id }) => id);
}

/** The same body at several authorities. */
function together(call: Call, parts: readonly Reach[]): Reach {
  const sum = (of: (one: Reach) => number) => parts.reduce((all, one) => all + of(one), 0);
  return {
    members: sum((one) => one.members),
    statements: sum((one) => one.statements),
    marks: sum((one) => one.marks),
    answers: sum((one) => one.answers),
    intermediates: sum((one) => one.intermediates),
    below: sum((one) => one.below),
    otherAuthorities: Math.max(0, ...parts.map((one) => one.otherAuthorities)),
    atLeast: COUNTS.filter((name) => parts.some(({ atLeast }) => atLeast.includes(name))),
    examples: parts.flatMap(({ examples }) => examples).slice(0, EXAMPLES),
    othersMayHold: held(
      call.now(),
      parts.map(({ othersMayHold: { until, endless } }) => (endless ? Number.POSITIVE_INFINITY : until)),
    ),
    atMostUntil: parts.some(({ atMostUntil }) => atMostUntil === null) ? null : Math.max(...parts.map(({ atMostUntil }) => atMostUntil ?? 0)),
  };
}
