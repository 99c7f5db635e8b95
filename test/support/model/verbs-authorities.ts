import { cutMarks, cutMember, type Expected } from './expected.js';
import { isOk, of, reason, signs, type Step, type Verb, writes, yesIf } from './step.js';
import { ENTITY, SLUGS, type Slug, TYPES } from './world.js';

const HOUR = 3600;

const haltOrganization: Verb = (c) => {
  const name = c.random.pick([...c.e.organizations.keys()]);
  if (!name) return undefined;
  const slug = name.split(' ')[0] as Slug;
  const organization = name.slice(slug.length + 1);
  const halt = c.random.chance(0.6);
  return {
    says: `${halt ? 'halt' : 'resume'} organization ${name}`,
    act: (process) => process.admin('POST', `/authorities/${slug}/organizations/${of(organization)}/${halt ? 'halt' : 'resume'}`, { reason }),
    apply(e, _answer, now) {
      if (!halt) return void e.organizations.set(name, 'active');
      if (e.organizations.get(name) === 'halted') return;
      e.organizations.set(name, 'halted');
      for (const member of e.members.values())
        if (member.authority === slug && member.organization === organization && member.state === 'active')
          cutMember(e, member, 'suspended', `organization ${organization}`, now);
    },
    may: halt ? 'yes' : c.e.authorities[slug] === 'retired' ? 'maybe' : yesIf(writes(c, slug)),
  };
};

/** An authority stops: where it is a member here, it is suspended with itself. */
function stop(e: Expected, slug: Slug, state: 'halted' | 'retired', now: number): void {
  if (e.authorities[slug] === state || e.authorities[slug] === 'retired') return;
  e.authorities[slug] = state;
  for (const member of e.members.values())
    if (member.id === ENTITY[slug] && member.state === 'active') cutMember(e, member, 'suspended', `authority ${slug}`, now);
  if (state === 'retired') for (const [name, was] of e.keys) if (name.startsWith(`${slug} `) && was !== 'historical') e.keys.set(name, 'revoked');
}

const moveAuthority: Verb = (c) => {
  const { e, random } = c;
  const slug = random.pick(SLUGS);
  const state = e.authorities[slug];
  const verb = state === 'halted' ? random.pick(['resume', 'resume', 'halt'] as const) : random.chance(0.9) ? 'halt' : 'resume';
  const able = c.clock && !c.world.custody.away && !e.unconfirmed && SLUGS.every((one) => one === slug || e.authorities[one] !== 'active' || signs(c, one));
  return {
    says: `${verb} authority ${slug} (${state})`,
    act: (process) => process.admin('POST', `/authorities/${slug}/${verb}`, { reason }),
    apply(now_, _answer, now) {
      if (verb === 'halt') stop(now_, slug, 'halted', now);
      else if (now_.authorities[slug] === 'halted') now_.authorities[slug] = 'active';
    },
    creates: verb === 'resume' ? [`key ${slug}`] : [],
    may: state === 'retired' ? 'no' : verb === 'halt' ? 'yes' : state === 'active' ? 'maybe' : yesIf(able),
  };
};

const retire: Verb = (c) => {
  if (c.progress < 0.8 || c.random.chance(0.7)) return undefined;
  return {
    says: 'retire authority inter',
    act: (process) => process.admin('POST', '/authorities/inter/retire', { reason }),
    apply: (e, _answer, now) => stop(e, 'inter', 'retired', now),
    may: 'yes',
  };
};

const keysOf = (e: Expected, slug: Slug): readonly (readonly [kid: string, state: string])[] =>
  [...e.keys].filter(([name]) => name.startsWith(`${slug} `)).map(([name, state]) => [name.slice(slug.length + 1), state] as const);

const makeKey: Verb = (c) => {
  const slug = c.random.pick(SLUGS);
  if (keysOf(c.e, slug).filter(([, state]) => state === 'staged' || state === 'created').length > 2) return undefined;
  const stage = c.random.chance(0.7);
  return {
    says: `create a key of ${slug}${stage ? ', staged' : ''}`,
    act: (process) => process.admin('POST', `/authorities/${slug}/keys`, { stage }),
    apply: (e, answer) => void (isOk(answer) && e.keys.set(`${slug} ${answer?.json.kid}`, stage ? 'staged' : 'created')),
    creates: [`key ${slug}`],
    may: c.e.authorities[slug] === 'active' ? yesIf(signs(c, slug)) : 'no',
  };
};

const REASONS = ['unspecified', 'superseded', 'compromised'];

const moveKey: Verb = (c) => {
  const { e, random } = c;
  const slug = random.pick(SLUGS);
  const found = random.pick(keysOf(e, slug));
  if (!found) return undefined;
  const [kid, state] = found;
  const base = `/authorities/${slug}/keys/${kid}`;
  const key = `${slug} ${kid}`;
  const of_ = (says: string, verb: string, body: object, from: string, apply: Step['apply']): Step => ({
    says: `${says} ${key} (${state})`,
    act: (process) => process.admin('POST', `${base}/${verb}`, body),
    apply: (now_, answer, now) => void (now_.keys.get(key) === from && apply(now_, answer, now)),
    may: state === from ? yesIf(signs(c, slug) && verb !== 'activate') : 'maybe',
  });
  if (state === 'created' && random.chance(0.9)) return of_('stage', 'stage', {}, 'created', (now_) => now_.keys.set(key, 'staged'));
  if (state === 'staged' && random.chance(0.9)) {
    const force = random.chance(0.6);
    return of_(force ? 'activate by force' : 'activate', 'activate', { force, ...(force && { reason }) }, 'staged', (now_) => {
      for (const [other] of keysOf(now_, slug)) if (now_.keys.get(`${slug} ${other}`) === 'active') now_.keys.set(`${slug} ${other}`, 'retiring');
      now_.keys.set(key, 'active');
    });
  }
  if (state === 'retiring' && random.chance(0.3))
    return of_('retire by force', 'retire', { force: true, reason }, 'retiring', (now_) => now_.keys.set(key, 'historical'));
  if (random.chance(0.5)) return undefined;
  const why = random.pick(REASONS);
  return {
    says: `revoke ${key} (${state}) as ${why}`,
    act: (process) => process.admin('POST', `${base}/revoke`, { reason: why }),
    apply(now_) {
      now_.keys.set(key, 'revoked');
      if (why === 'compromised') now_.compromised.add(kid);
    },
    creates: [`key ${slug}`],
    may: state === 'revoked' ? 'maybe' : 'yes',
  };
};

const changeAuthority: Verb = (c) => {
  const slug = c.random.pick(SLUGS);
  const able = yesIf(signs(c, slug));
  const may = c.e.authorities[slug] === 'active' ? able : 'no';
  const base = `/authorities/${slug}`;
  const type = c.random.pick(TYPES);
  const nothing = () => undefined;
  return c.random.pick<Step>([
    {
      says: `lifetimes of ${slug}`,
      act: (process) => process.admin('PATCH', base, { statement_lifetime: c.random.pick([HOUR, 24 * HOUR, 7 * 24 * HOUR]) }),
      apply: nothing,
      may,
    },
    {
      says: `name of ${slug}`,
      act: (process) => process.admin('PATCH', base, { metadata: { federation_entity: { organization_name: `Name ${c.random.int(9)}` } } }),
      apply: nothing,
      may,
    },
    {
      says: `recognize ${type} at ${slug}`,
      act: (process) => process.admin('PUT', `${base}/mark-types/${of(type)}/recognition`, { issuers: Object.values(ENTITY) }),
      apply: nothing,
      may,
    },
    {
      says: `forget ${type} at ${slug}`,
      act: (process) => process.admin('DELETE', `${base}/mark-types/${of(type)}/recognition`),
      apply: nothing,
      may: 'maybe',
    },
    {
      says: `policy of ${slug}`,
      async act(process) {
        const policy = { metadata_policy: { openid_relying_party: { contacts: { add: [`ops${c.random.int(9)}@example.org`] } } } };
        const drafted = await process.admin('POST', `${base}/policies`, policy);
        return isOk(drafted) ? process.admin('POST', `${base}/policies/${drafted.json.version}/publish`, { accept_breaks: true }) : drafted;
      },
      apply: nothing,
      may: 'maybe',
    },
  ]);
};

const moveType: Verb = (c) => {
  const name = c.random.pick([...c.e.types.keys()]);
  if (!name) return undefined;
  const slug = name.split(' ')[0] as Slug;
  const type = name.slice(slug.length + 1);
  const halt = c.e.types.get(name) === 'active' ? c.random.chance(0.8) : c.random.chance(0.1);
  return {
    says: `${halt ? 'halt' : 'resume'} type ${name}`,
    act: (process) => process.admin('POST', `/authorities/${slug}/mark-types/${of(type)}/${halt ? 'halt' : 'resume'}`, halt ? { reason } : undefined),
    apply(e, _answer, now) {
      if (!halt) return void e.types.set(name, 'active');
      if (e.types.get(name) === 'halted') return;
      e.types.set(name, 'halted');
      cutMarks(e, (mark) => mark.authority === slug && mark.type === type, now);
      for (const grant of e.grants.values()) if (grant.authority === slug && grant.type === type) grant.state = 'revoked';
    },
    may: halt ? 'yes' : yesIf(writes(c, slug)),
  };
};

export const AUTHORITY_VERBS: readonly (readonly [weight: number, verb: Verb])[] = [
  [5, haltOrganization],
  [4, moveAuthority],
  [2, retire],
  [3, makeKey],
  [7, moveKey],
  [4, changeAuthority],
  [2, moveType],
];
