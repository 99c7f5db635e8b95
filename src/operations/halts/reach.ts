import {
  activeOfOrganization,
  answersOfAuthority,
  answersResting,
  answersWithMark,
  countOf,
  type HandedOut,
  handedOutOf,
  handedOutOfType,
  hangingOn,
  hangingOnAuthority,
  latestOfAuthority,
  membersNamed,
  type Whom,
} from '../../store/outstanding.js';
import { authorityReach } from '../authorities/reach.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, may } from '../call.js';
import { membersWith } from '../keys/members-with.js';
import { findMarkType } from '../marks/mark-types.js';
import { keyNamed } from '../members/halt-key.js';
import { organizationOrRefuse } from '../organizations/find-organization.js';
import { registerOf, rowsOf } from '../organizations/halt-everywhere.js';
import { findAuthority, findMember } from '../registry.js';
import { type Held, held } from './held.js';
import { earlierCuts } from './earlier-cuts.js';
import { isEverywhere, type Target } from './target.js';

/** The blast radius of a cut, counted before it. */
export interface Reach {
  readonly members: number;
  readonly statements: number;
  readonly marks: number;
  /** Resolve responses that fall, of whatever authority here. */
  readonly answers: number;
  readonly intermediates: number;
  /** Entities whose chains go through what is cut. */
  readonly below: number;
  /** Other authorities here that have to do with it. */
  readonly otherAuthorities: number;
  readonly othersMayHold: Held;
  /** Nothing that these authorities ever signed with their keys of today lasts longer; null where something has no end. */
  readonly atMostUntil: number | null;
}

/** Count what a cut would reach; changes nothing. @throws Refusal as the cut itself would */
export async function haltReach(call: Call, target: Target): Promise<Reach> {
  allow(call, 'read', isEverywhere(target) ? null : (target.authority ?? null));
  const { db } = call.store;
  switch (target.level) {
    case 'authority':
      return ofAuthority(call, target.authority);
    case 'mark_type': {
      const { id } = await findAuthority(db, target.authority);
      await findMarkType(call, id, target.type);
      const [marks, answers] = [await handedOutOfType(db, id, target.type, call.now()), await answersWithMark(db, id, target.type)];
      const none = { members: 0, statements: 0, intermediates: 0, below: 0, otherAuthorities: 0 };
      return { ...none, marks: marks.count, answers: answers.count, ...(await times(call, [id], [marks, answers])) };
    }
    case 'member': {
      const { id } = await findAuthority(db, target.authority);
      const row = await findMember(db, id, target.member);
      const before = await earlierCuts(db, id, [row.id, row.suspendedWith ?? '', row.organizationId ?? '']);
      return ofMembers(call, [id], membersNamed([row.id]), row.state === 'active' ? 1 : 0, before);
    }
    case 'organization': {
      const rows = isEverywhere(target)
        ? await rowsOf(call, await registerOf(call, target))
        : [await organizationOrRefuse(call, (await findAuthority(db, target.authority ?? '')).id, target.organization ?? '')];
      const parts = await Promise.all(
        rows.map(async ({ id, authorityId }) =>
          ofMembers(call, [authorityId], activeOfOrganization(authorityId, id), undefined, await earlierCuts(db, authorityId, [id])),
        ),
      );
      return together(call, parts);
    }
    case 'key': {
      const of = target.authority === undefined ? undefined : await findAuthority(db, target.authority);
      const rows = (await membersWith(call, await keyNamed(call, target))).filter(({ authorityId }) => of === undefined || authorityId === of.id);
      const active = rows.filter(({ state }) => state === 'active');
      return ofMembers(call, [...new Set(rows.map(({ authorityId }) => authorityId))], membersNamed(active.map(({ id }) => id)), active.length);
    }
  }
}

async function times(call: Call, authorityIds: readonly string[], all: readonly HandedOut[], before: readonly (number | null)[] = []) {
  const latest = await Promise.all(authorityIds.map((id) => latestOfAuthority(call.store.db, id)));
  return { othersMayHold: held(call.now(), [...all.map(({ until }) => until), ...before]), atMostUntil: held(call.now(), latest).until };
}

async function ofMembers(call: Call, authorityIds: readonly string[], whom: Whom, counted?: number, before: readonly (number | null)[] = []): Promise<Reach> {
  const { db } = call.store;
  const [{ statements, hosted, marks, opening }, answers, hanging] = await Promise.all([
    handedOutOf(db, whom, call.now()),
    answersResting(db, whom),
    readable(call).then((ids) => hangingOn(db, whom, ids)),
  ]);
  const members = counted ?? (await countOf(db, whom));
  return {
    members,
    statements: statements.count,
    marks: marks.count,
    answers: answers.count,
    intermediates: hanging.intermediates,
    below: hanging.below,
    otherAuthorities: hanging.authorities,
    ...(await times(call, authorityIds, [statements, hosted, marks, answers, opening], before)),
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
    othersMayHold: held(
      call.now(),
      parts.map(({ othersMayHold: { until, endless } }) => (endless ? Number.POSITIVE_INFINITY : until)),
    ),
    atMostUntil: parts.some(({ atMostUntil }) => atMostUntil === null) ? null : Math.max(...parts.map(({ atMostUntil }) => atMostUntil ?? 0)),
  };
}

async function ofAuthority(call: Call, slug: string): Promise<Reach> {
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const [{ members, marks, memberOf }, hanging, answers, before] = [
    await authorityReach(call, slug),
    await hangingOnAuthority(db, id),
    await answersOfAuthority(db, id),
    await earlierCuts(db, id, [id]),
  ];
  const latest: HandedOut = { count: 0, until: await latestOfAuthority(db, id) };
  return {
    members,
    statements: hanging.statements,
    marks,
    answers: answers.count,
    intermediates: hanging.intermediates,
    below: hanging.below,
    otherAuthorities: memberOf.length,
    ...(await times(call, [id], [latest, answers], before)),
  };
}
