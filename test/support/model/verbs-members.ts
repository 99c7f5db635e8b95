import type { MemberState } from '../../../src/store/schema.js';
import { cutMember, type Expected, type ExpectedMember, mayBeActive } from './expected.js';
import { configurationOf, jwksOf, type Leaf } from './leafs.js';
import { type Choosing, isOk, of, publishes, reason, signs, type Step, type Verb, writes, yesIf } from './step.js';
import { testKey } from '../keys.js';
import { ENTITY, LEAFS, ORGANIZATIONS, SLUGS, type Slug } from './world.js';

const HOUR = 3600;
const ends = [HOUR, 10 * HOUR, 72 * HOUR];
/** Some belong to both. */
const leafsOf = (slug: Slug): readonly string[] => (slug === 'main' ? LEAFS.slice(0, 5) : LEAFS.slice(2));

/** The life cycle of a member, told once more. */
const MOVES: Readonly<Record<string, { readonly from: readonly MemberState[]; readonly to: MemberState; readonly kind: 'cut' | 'publish' | 'none' }>> = {
  take: { from: ['applied'], to: 'vetting', kind: 'none' },
  approve: { from: ['vetting'], to: 'approved', kind: 'none' },
  activate: { from: ['approved'], to: 'active', kind: 'publish' },
  refuse: { from: ['applied', 'vetting', 'approved'], to: 'refused', kind: 'none' },
  withdraw: { from: ['applied', 'vetting', 'approved'], to: 'withdrawn', kind: 'none' },
  suspend: { from: ['active'], to: 'suspended', kind: 'cut' },
  resume: { from: ['suspended'], to: 'active', kind: 'publish' },
  revoke: { from: ['active', 'suspended'], to: 'revoked', kind: 'cut' },
  archive: { from: ['revoked', 'refused', 'withdrawn'], to: 'archived', kind: 'none' },
};

export const putMember = (e: Expected, member: ExpectedMember): void => {
  e.members.set(`${member.authority} ${member.id}`, member);
  if (member.organization !== null && !e.organizations.has(`${member.authority} ${member.organization}`))
    e.organizations.set(`${member.authority} ${member.organization}`, 'active');
};

interface Enrolment {
  readonly body: Record<string, unknown>;
  readonly member: ExpectedMember;
  readonly may: Step['may'];
  /** Whoever was barred comes back with a key it never had. */
  rekey(): Promise<void>;
}

/** Somebody is enrolled, readmitted, or refused because it is here already. */
export function enrolment(c: Choosing, slug: Slug, leaf: Leaf): Enrolment {
  const { e, random } = c;
  const before = e.members.get(`${slug} ${leaf.id}`);
  const activate = random.chance(0.7);
  const organization = random.chance(0.5) ? random.pick(ORGANIZATIONS) : null;
  const validUntil = random.chance(0.2) ? c.world.now() + random.pick(ends) : null;
  // An archived one may just apply again where it had never been let in: that is not told apart here.
  const readmit = before?.state === 'archived' || (before?.state === 'revoked' && random.chance(0.7));
  const body: Record<string, unknown> = {
    entity_id: leaf.id,
    jwks: jwksOf(leaf),
    entity_types: ['openid_relying_party'],
    ...(activate && { activate }),
    ...(organization !== null && { organization }),
    ...(validUntil !== null && { valid_until: validUntil }),
    ...(readmit && { readmit: reason }),
  };
  const member: ExpectedMember = {
    authority: slug,
    id: leaf.id,
    state: activate ? 'active' : 'vetting',
    with: null,
    organization: organization ?? before?.organization ?? null,
    validUntil,
    removed: [],
  };
  const known = before !== undefined && !['refused', 'withdrawn'].includes(before.state) && !readmit;
  const able = activate ? publishes(c, slug, member) : writes(c, slug);
  const barred = activate && !mayBeActive(e, slug, member, c.world.now());
  return {
    member,
    may: known || barred ? 'no' : yesIf(able),
    body,
    async rekey() {
      if (!readmit) return;
      const fresh = await testKey();
      leaf.keys = [...leaf.keys, fresh];
      leaf.rotated = true;
      body['jwks'] = { keys: [fresh.jwk] };
    },
  };
}

const enrol: Verb = (c) => {
  const slug = c.random.pick(SLUGS);
  const leaf = c.world.leafs.get(c.random.pick(leafsOf(slug))) as Leaf;
  const { body, member, may, rekey } = enrolment(c, slug, leaf);
  return {
    says: `enrol ${slug} ${leaf.id} ${JSON.stringify({ ...body, jwks: undefined })}`,
    async act(process) {
      await rekey();
      return process.admin('POST', `/authorities/${slug}/members`, body);
    },
    apply: (e) => putMember(e, { ...member }),
    may,
  };
};

const importLines: Verb = (c) => {
  const slug = c.random.pick(SLUGS);
  const lines = leafsOf(slug)
    .filter(() => c.random.chance(0.5))
    .slice(0, 3)
    .map((id) => enrolment(c, slug, c.world.leafs.get(id) as Leaf));
  if (lines.length === 0) return undefined;
  return {
    says: `import ${slug} ${lines.map(({ member }) => `${member.id} ${member.state}`).join(', ')}`,
    async act(process) {
      for (const { rekey } of lines) await rekey();
      const opened = await process.admin('POST', `/authorities/${slug}/imports`, {});
      if (!isOk(opened)) return opened;
      const sent = await process.admin(
        'POST',
        `/authorities/${slug}/imports/${opened.json.id}/lines`,
        lines.map(({ body }) => JSON.stringify(body)).join('\n'),
      );
      return isOk(sent) ? process.admin('POST', `/authorities/${slug}/imports/${opened.json.id}/finish`) : sent;
    },
    // A line that is refused refuses no other.
    apply(e) {
      for (const { member, may } of lines) if (may !== 'no') putMember(e, { ...member });
    },
    creates: lines.map(({ member }) => `member ${slug} ${member.id}`),
    may: yesIf(writes(c, slug) && SLUGS.every((one) => signs(c, one))),
  };
};

/** Its keys may have been changed without a person. */
const changes = ({ world, e }: Choosing, id: string): boolean => world.leafs.get(id)?.rotated ?? e.compromised.size > 0;

const move: Verb = (c) => {
  const { e, random } = c;
  const members = [...e.members.values()];
  const member = random.pick(members);
  if (!member) return undefined;
  const legal = Object.keys(MOVES).filter((name) => MOVES[name]?.from.includes(member.state));
  const name = legal.length && random.chance(0.8) ? random.pick(legal) : random.pick(Object.keys(MOVES));
  const verb = MOVES[name];
  if (!verb || (member.id === ENTITY.inter && verb.to === 'revoked' && random.chance(0.9))) return undefined;
  const able = verb.kind === 'cut' || (verb.kind === 'none' ? writes(c, member.authority) : publishes(c, member.authority, member));
  const isLegal = verb.from.includes(member.state);
  const barred = verb.kind === 'publish' && !mayBeActive(e, member.authority, member, c.world.now());
  const there = member.state === verb.to;
  return {
    says: `${name} ${member.authority} ${member.id} (${member.state})`,
    act: (process) => process.admin('POST', `/authorities/${member.authority}/members/${of(member.id)}/${name}`, { reason }),
    apply(now_, _answer, now) {
      const one = now_.members.get(`${member.authority} ${member.id}`);
      if (!one) return;
      // One that a halt suspended, suspended by itself as well, stays suspended when that halt ends.
      if (verb.kind === 'cut' && (verb.from.includes(one.state) || (one.state === verb.to && one.with !== null)))
        return cutMember(now_, one, verb.to as 'suspended', null, now);
      if (verb.from.includes(one.state)) Object.assign(one, { state: verb.to, with: null });
    },
    // One whose keys the service has changed meanwhile is looked at first.
    may: there ? (verb.kind === 'cut' ? 'yes' : 'maybe') : !isLegal || barred ? 'no' : yesIf(able && !(name === 'resume' && changes(c, member.id))),
  };
};

const change: Verb = (c) => {
  const { e, random } = c;
  const member = random.pick([...e.members.values()]);
  if (!member) return undefined;
  const now = c.world.now();
  const set: Record<string, unknown> = random.pick([
    { metadata: { openid_relying_party: { client_name: `name ${random.int(100)}` } } },
    { valid_until: now + random.pick(ends) },
    { valid_until: null },
    { organization: random.pick(ORGANIZATIONS) },
    { statement_lifetime: random.pick([HOUR, 48 * HOUR, null]) },
  ]);
  const after = {
    ...member,
    ...('valid_until' in set && { validUntil: set['valid_until'] as number | null }),
    ...('organization' in set && { organization: set['organization'] as string }),
  };
  const ended = ['revoked', 'archived', 'refused', 'withdrawn'].includes(member.state);
  const active = member.state === 'active';
  return {
    says: `change ${member.authority} ${member.id} (${member.state}) ${JSON.stringify(set)}`,
    act: (process) => process.admin('PATCH', `/authorities/${member.authority}/members/${of(member.id)}`, set),
    apply(now_, _answer, at) {
      const one = now_.members.get(`${member.authority} ${member.id}`);
      if (!one) return;
      if ('valid_until' in set) {
        one.validUntil = after.validUntil;
        for (const mark of now_.marks.values())
          if (mark.memberOf === one.authority && mark.id === one.id && !mark.revoked && one.validUntil !== null && (mark.exp === null || mark.exp > at))
            mark.exp = Math.min(mark.exp ?? one.validUntil, one.validUntil);
      }
      if ('organization' in set) putMember(now_, Object.assign(one, { organization: after.organization }));
      if (one.state === 'approved') one.state = 'vetting';
    },
    // What changes nothing of what was approved leaves it approved.
    creates: member.state === 'approved' ? [`member ${member.authority} ${member.id}`] : [],
    may:
      ended || (active && !mayBeActive(e, member.authority, after, now))
        ? 'no'
        : yesIf(active ? publishes(c, member.authority, after) : writes(c, member.authority)),
  };
};

/** Other keys in the place of a member's, by a person; its server shows the old one for some time. */
const replaceKeys: Verb = async (c) => {
  const { e, random, world } = c;
  const member = random.pick([...e.members.values()].filter(({ id }) => world.leafs.has(id)));
  if (!member) return undefined;
  const leaf = world.leafs.get(member.id) as Leaf;
  const fresh = await testKey();
  const path = `/authorities/${member.authority}/members/${of(member.id)}`;
  const gone: string[] = [];
  const active = member.state === 'active';
  return {
    says: `replace keys ${member.authority} ${member.id} (${member.state})`,
    async act(process) {
      const before = await process.admin('GET', path);
      if (before.status === 200) gone.push(...before.json.jwks.keys.map(({ kid }: { kid: string }) => kid));
      const answer = await process.admin('PUT', `${path}/keys`, { jwks: { keys: [fresh.jwk] }, reason });
      if (isOk(answer)) Object.assign(leaf, { keys: [...leaf.keys.slice(-1), fresh], rotated: true });
      return answer;
    },
    apply(now_) {
      const one = now_.members.get(`${member.authority} ${member.id}`);
      if (!one) return;
      one.removed = [...new Set([...one.removed, ...gone])].filter((kid) => kid !== fresh.kid);
      if (one.state === 'approved') one.state = 'vetting';
    },
    may: ['revoked', 'archived', 'refused', 'withdrawn'].includes(member.state)
      ? 'no'
      : active && !mayBeActive(e, member.authority, member, world.now())
        ? 'no'
        : yesIf(active ? publishes(c, member.authority, member) : writes(c, member.authority)),
  };
};

/** A member rotates its own keys; the service follows, or is told to. */
const adoptKeys: Verb = async (c) => {
  const { e, random, world } = c;
  const member = random.pick([...e.members.values()].filter(({ id }) => world.leafs.has(id)));
  if (!member) return undefined;
  const leaf = world.leafs.get(member.id) as Leaf;
  if (random.chance(0.5)) Object.assign(leaf, { keys: leaf.keys.length > 1 ? leaf.keys.slice(0, 1) : [await testKey(), ...leaf.keys], rotated: true });
  const path = `/authorities/${member.authority}/members/${of(member.id)}`;
  const accept = random.chance(0.4);
  return {
    says: `${accept ? 'accept the hold of' : 'adopt keys of'} ${member.authority} ${member.id} (${member.state})`,
    act: async (process) =>
      accept
        ? process.admin('POST', `${path}/hold/accept`, { reason })
        : process.admin('POST', `${path}/keys/adopt`, { entity_configuration: await configurationOf(leaf, world) }),
    apply(now_) {
      const one = now_.members.get(`${member.authority} ${member.id}`);
      if (!one) return;
      // What a hold had seen may be older than what is shown now.
      if (accept) one.removed = [];
    },
    may: 'maybe',
  };
};

export const MEMBER_VERBS: readonly (readonly [weight: number, verb: Verb])[] = [
  [10, enrol],
  [3, importLines],
  [22, move],
  [8, change],
  [4, replaceKeys],
  [3, adoptKeys],
];
