import { decodeJwt } from 'jose';
import { cutMarks, type Expected, isInForce } from './expected.js';
import { isOk, of, reason, signs, type Verb, yesIf } from './step.js';
import { SLUGS, type Slug, TYPES } from './world.js';

/** A mark that was issued, whoever has told of it. */
export function noteMark(e: Expected, slug: Slug, bytes: string): void {
  if (e.marks.has(bytes)) return;
  const { sub, trust_mark_type: type, exp } = decodeJwt(bytes) as { sub: string; trust_mark_type: string; exp?: number };
  const grant = [...e.grants].find(([, one]) => one.authority === slug && one.type === type && one.id === sub && one.state === 'active');
  if (!grant) return;
  e.marks.set(bytes, { bytes, authority: slug, type, memberOf: grant[1].memberOf, id: sub, grant: grant[0], exp: exp ?? null, revoked: false });
}

const grant: Verb = (c) => {
  const { e, random, world } = c;
  const authority = random.pick(SLUGS);
  const type = random.pick(TYPES);
  const members = [...e.members.values()];
  const active = members.filter(({ state }) => state === 'active');
  const member = random.pick(active.length && random.chance(0.9) ? active : members);
  if (!member) return undefined;
  const now = world.now();
  const validUntil = random.chance(0.2) ? now + random.pick([7200, 200_000]) : null;
  // An entity may be a member of both: which of its memberships a mark is about is in the grant.
  const standing = [...e.grants.values()].some((one) => one.authority === authority && one.type === type && one.id === member.id && one.state === 'active');
  const given = standing || e.types.get(`${authority} ${type}`) !== 'active' || member.state !== 'active' || e.authorities[authority] !== 'active';
  if (standing && random.chance(0.8)) return undefined;
  const sameEntity = [...e.grants.values()].some(
    (one) => one.authority === authority && one.type === type && one.id === member.id && one.memberOf !== member.authority,
  );
  if (sameEntity) return undefined;
  return {
    says: `grant ${authority} ${type} to ${member.authority} ${member.id} (${member.state})`,
    act: (process) =>
      process.admin('POST', `/authorities/${authority}/marks`, {
        trust_mark_type: type,
        member: member.id,
        member_of: member.authority,
        ...(validUntil !== null && { valid_until: validUntil }),
      }),
    apply(now_, answer) {
      if (!isOk(answer)) return;
      now_.grants.set(answer?.json.id, { authority, type, memberOf: member.authority, id: member.id, state: 'active', validUntil });
      noteMark(now_, authority, answer?.json.trust_mark);
      world.leafs.get(member.id)?.marks.set(type, answer?.json.trust_mark);
    },
    creates: ['grant'],
    may: given
      ? 'no'
      : yesIf(
          signs(c, authority) &&
            (isInForce(e, member.authority, member.id, now) || e.authorities[member.authority] !== 'retired') &&
            (member.validUntil === null || member.validUntil > now) &&
            e.authorities[member.authority] === 'active',
        ),
  };
};

const withdraw: Verb = (c) => {
  const found = c.random.pick([...c.e.grants]);
  if (!found) return undefined;
  const [id, { authority }] = found;
  return {
    says: `withdraw the grant ${id} of ${authority}`,
    act: (process) => process.admin('POST', `/authorities/${authority}/marks/${id}/withdraw`, { reason }),
    apply(e, _answer, now) {
      const one = e.grants.get(id);
      if (one?.state !== 'active') return;
      one.state = 'revoked';
      cutMarks(e, (mark) => mark.grant === id, now);
    },
    may: 'yes',
  };
};

/** One mark is withdrawn; while its grant stands a fresh one takes its place. */
const withdrawOne: Verb = (c) => {
  const now = c.world.now();
  const mark = c.random.pick([...c.e.marks.values()].filter(({ revoked, exp }) => !revoked && (exp === null || exp > now)));
  if (!mark) return undefined;
  const { jti } = decodeJwt(mark.bytes);
  return {
    says: `withdraw the mark ${jti} of ${mark.authority} for ${mark.id}`,
    act: (process) => process.admin('POST', `/authorities/${mark.authority}/issued-marks/${of(String(jti))}/withdraw`, { reason }),
    apply: (e, _answer, at) => cutMarks(e, ({ bytes }) => bytes === mark.bytes, at),
    may: 'yes',
  };
};

export const MARK_VERBS: readonly (readonly [weight: number, verb: Verb])[] = [
  [9, grant],
  [3, withdraw],
  [3, withdrawOne],
];
