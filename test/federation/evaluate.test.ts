import { describe, expect, it } from 'vitest';
import { NOW } from '../support/chain.js';
import { Graph, type GraphOptions, id } from '../support/graph.js';

type Hints = Readonly<Record<string, readonly string[]>>;
const NAMED = ['leaf', 'ta', 'tb', 'a', 'b', 'marker', 'owner'];
const graph = (hints: Hints, options?: GraphOptions) => Graph.of(hints, options, NAMED);
/** The verdict in a few words. */
const verdict = async (g: Graph, kept?: ReadonlyMap<string, readonly string[]>, anchor = 'ta') => {
  const found = (await g.evaluate('leaf', [anchor], kept ? { kept } : {})).under.get(id(anchor));
  if (found?.state === 'invalid') return `invalid ${found.error}`;
  return found?.state === 'unreachable' ? `unreachable${found.denied ? ' denied' : ''}` : found?.state;
};
const violates = { metadata_policy: { federation_entity: { organization_name: { essential: true } } } };

describe('§8.3 SE-04: a failure to find out is no verdict, and hides none', () => {
  const dead = { configuration: (name: string) => (name === 'dead' ? ('down' as const) : {}) };
  it.each<[string, Hints, GraphOptions, string]>([
    ['the only superior does not answer', { leaf: ['dead'], dead: [] }, dead, 'unreachable'],
    ['the anchor states nothing about it', { leaf: ['ta'], ta: [] }, { statement: () => 'gone' }, 'invalid invalid_trust_chain'],
    [
      '… and a superior elsewhere does not answer',
      { leaf: ['ta', 'dead'], ta: [], dead: [] },
      { ...dead, statement: () => 'gone' },
      'invalid invalid_trust_chain',
    ],
    ['… nor its host exist', { leaf: ['nowhere', 'ta'], ta: [] }, { statement: () => 'gone' }, 'invalid invalid_trust_chain'],
    [
      'its policy is violated, and a superior elsewhere does not answer',
      { leaf: ['ta', 'dead'], ta: [], dead: [] },
      { ...dead, statement: () => violates },
      'invalid invalid_metadata',
    ],
    [
      'one way is refused, another that is known to lead to the anchor does not answer',
      { leaf: ['a', 'b'], a: ['ta'], b: ['ta'], ta: [] },
      { statement: (superior, subject) => (superior === 'a' ? 'gone' : superior === 'b' && subject === 'leaf' ? 'down' : {}) },
      'unreachable',
    ],
    ['the anchor itself does not answer', { leaf: ['ta'], ta: [] }, { configuration: (name) => (name === 'ta' ? 'down' : {}) }, 'unreachable'],
    [
      'another anchor’s federation refuses it, this one’s cannot be reached',
      { leaf: ['tb', 'dead'], tb: [], dead: [] },
      { ...dead, statement: () => 'gone' },
      'unreachable',
    ],
    ['it does not answer itself', { leaf: ['ta'], ta: [] }, { configuration: (name) => (name === 'leaf' ? 'down' : {}) }, 'unreachable'],
    ['RE-11: it is gone', { leaf: ['ta'], ta: [] }, { configuration: (name) => (name === 'leaf' ? 'gone' : {}) }, 'invalid not_found'],
    [
      'ER-05: its configuration is none',
      { leaf: ['ta'], ta: [] },
      { configuration: (name) => (name === 'leaf' ? { exp: NOW - 1 } : {}) },
      'invalid invalid_subject',
    ],
    ['RE-11: a superior is gone', { leaf: ['ta'], ta: [] }, { configuration: (name) => (name === 'ta' ? 'gone' : {}) }, 'invalid invalid_trust_chain'],
  ])('%s: %s', async (_what, hints, options, expected) => expect(await verdict(await graph(hints, options))).toBe(expected));
});

describe('KR-06: an answer on record goes when an issuer denies what it rests on, and only then', () => {
  const hints: Hints = { leaf: ['a'], a: ['ta'], ta: [] };
  const record = async (answers: { configuration?: GraphOptions['configuration']; statement?: GraphOptions['statement'] } = {}, start: Hints = hints) => {
    const state = { configuration: undefined as GraphOptions['configuration'], statement: undefined as GraphOptions['statement'] };
    const g = await graph(start, { configuration: (name) => state.configuration?.(name) ?? {}, statement: (a, b) => state.statement?.(a, b) ?? {} });
    const { chains } = await g.walk('leaf', ['ta']);
    Object.assign(state, answers);
    return { g, kept: new Map([[id('ta'), chains[0]?.statements.map(({ compact }) => compact) ?? []]]) };
  };
  const down = (name: string) => (one: string) => (one === name ? ('down' as const) : {});
  it.each<[string, Parameters<typeof record>[0], string]>([
    ['the superior is down: it stays', { configuration: down('a') }, 'unreachable'],
    ['the anchor is down: it stays', { configuration: down('ta') }, 'unreachable'],
    ['the subject is down, its superiors still state it: it stays', { configuration: down('leaf') }, 'unreachable'],
    [
      'the subject is down and its superior denies it: it goes',
      { configuration: down('leaf'), statement: (superior) => (superior === 'a' ? 'gone' : {}) },
      'unreachable denied',
    ],
    [
      'the subject is down and the anchor denies its superior: it goes',
      { configuration: down('leaf'), statement: (superior) => (superior === 'ta' ? 'gone' : {}) },
      'unreachable denied',
    ],
    ['the superior denies it: a verdict', { statement: (superior) => (superior === 'a' ? 'gone' : {}) }, 'invalid invalid_trust_chain'],
    [
      'the subject is down and its superior states other keys: it goes',
      { configuration: down('leaf'), statement: (superior) => (superior === 'a' ? { jwks: { keys: [] } } : {}) },
      'unreachable denied',
    ],
    [
      'the subject is down and its superior’s policy rules it out: it goes',
      { configuration: down('leaf'), statement: (superior) => (superior === 'a' ? violates : {}) },
      'unreachable denied',
    ],
    [
      'the superior is down, the anchor denies the superior: it goes',
      { configuration: down('a'), statement: (superior) => (superior === 'ta' ? 'gone' : {}) },
      'unreachable denied',
    ],
  ])('%s', async (_what, answers, expected) => {
    const { g, kept } = await record(answers);
    expect(await verdict(g, kept)).toBe(expected);
  });
  it('an entity that moved to a superior which is down keeps its answer, though the old one denies it', async () => {
    const { g, kept } = await record(
      { configuration: down('a'), statement: (superior) => (superior === 'b' ? 'gone' : {}) },
      { leaf: ['a', 'b'], a: ['ta'], b: ['ta'], ta: [] },
    );
    expect(await verdict(g, kept)).toBe('unreachable');
    expect(await verdict(g)).toBe('invalid invalid_trust_chain');
  });
  it('superiors that keep silent do not put off the denial of one above them', async () => {
    const state = { later: false, asked: new Map<string, number>() };
    const g = await graph(
      { leaf: ['a'], a: ['b'], b: ['ta'], ta: [] },
      {
        statement: (superior) => (state.later && superior === 'ta' ? 'gone' : {}),
        configuration: (name) => (state.later && ['a', 'b'].includes(name) ? 'down' : {}),
        // The walk is told at once that they are down; whoever asks again waits for ever.
        before(what) {
          const times = (state.asked.get(what) ?? 0) + 1;
          if (state.later) state.asked.set(what, times);
          return ['a', 'b'].includes(what) && times > 1 ? new Promise(() => undefined) : undefined;
        },
      },
    );
    const { chains } = await g.walk('leaf', ['ta']);
    const kept = new Map([[id('ta'), chains[0]?.statements.map(({ compact }) => compact) ?? []]]);
    state.later = true;
    expect(await verdict(g, kept)).toBe('unreachable denied');
  });
  it('a graph that uses up the budget of the evaluation does not put off the question', async () => {
    const state = { fan: false };
    const fan = new Proxy({} as Record<string, readonly string[]>, {
      get: (_own, name: string) =>
        ({ leaf: state.fan ? ['f', 'a'] : ['a'], a: ['ta'], ta: [] })[name] ?? Array.from({ length: 16 }, (_, n) => `${name}x${n.toString(16)}`),
    });
    const g = await graph(fan, {
      statement: (superior) => (state.fan && superior === 'a' ? 'gone' : {}),
      configuration: (name) => (state.fan && name === 'leaf' ? 'down' : {}),
    });
    const { chains } = await g.walk('leaf', ['ta']);
    const kept = new Map([[id('ta'), chains[0]?.statements.map(({ compact }) => compact) ?? []]]);
    state.fan = true;
    expect(await verdict(g, kept)).toBe('unreachable denied');
  });
});

describe('marks (§7.3)', () => {
  const TYPE = 'https://type.example/m';
  interface MarkOptions {
    readonly claims?: object;
    readonly header?: object;
    readonly issuers?: readonly string[];
    readonly marker?: object;
    readonly active?: (mark: string) => Promise<{ ok: true; value: boolean }>;
    readonly markTypes?: readonly string[];
    /** Types that have an owner, and whose keys verify its delegations. */
    readonly owned?: boolean;
    /** Its owner's delegation, in the mark. */
    readonly delegated?: object;
    readonly signedBy?: string;
  }
  async function judged({
    claims = {},
    header = {},
    issuers = [id('marker')],
    marker = {},
    active,
    markTypes,
    owned,
    delegated,
    signedBy = 'marker',
  }: MarkOptions = {}) {
    const marks: { trust_mark_type: string; trust_mark: string }[] = [];
    const g = await graph(
      { leaf: ['ta'], ta: [], marker: ['ta'] },
      {
        configuration: (name) => {
          if (name === 'leaf') return { trust_marks: marks };
          if (name === 'ta')
            return { trust_mark_issuers: { [TYPE]: issuers }, ...(owned && { trust_mark_owners: { [TYPE]: { sub: id('owner'), jwks: g.jwks('owner') } } }) };
          return name === 'marker' ? { metadata: { federation_entity: { federation_trust_mark_status_endpoint: `${id('marker')}/status` } }, ...marker } : {};
        },
      },
    );
    const delegation =
      delegated && (await g.sign('owner', { iss: id('owner'), sub: id('marker'), trust_mark_type: TYPE, ...delegated }, { typ: 'trust-mark-delegation+jwt' }));
    const mark = { iss: id('marker'), sub: id('leaf'), trust_mark_type: TYPE, exp: NOW + 500, ...(delegation && { delegation }), ...claims };
    marks.push({ trust_mark_type: TYPE, trust_mark: await g.sign(signedBy, mark, { typ: 'trust-mark+jwt', ...header }) });
    const asked: string[] = [];
    const evaluation = await g.evaluate('leaf', ['ta'], {
      active: (_issuer, mark) => {
        asked.push(mark);
        return active?.(mark) ?? Promise.resolve({ ok: true, value: true });
      },
      ...(markTypes && { markTypes }),
    });
    const under = evaluation.under.get(id('ta'));
    if (under?.state !== 'valid') throw new Error(JSON.stringify(under));
    return { g, under, asked, codes: under.marks.map(({ findings }) => findings.map(({ code }) => code).join()) };
  }
  it('TM-07: a mark of an accepted issuer holds', async () => {
    const { under, codes, asked } = await judged();
    expect(codes).toEqual(['']);
    expect(asked).toHaveLength(1);
    expect(under.exp).toBe(NOW + 500);
  });
  it.each<[string, MarkOptions, string]>([
    ['TM-11: an issuer that the anchor does not accept', { issuers: [id('other')] }, 'trust_mark_issuer'],
    ['an issuer that is no Entity Identifier', { claims: { iss: 'https://other.example/admin/delete?id=7&x=' }, issuers: [] }, 'entity_id_invalid'],
    ['… with a fragment that would swallow the well-known path', { claims: { iss: 'https://other.example/exact#' }, issuers: [] }, 'entity_id_invalid'],
    ['… an address inside', { claims: { iss: 'http://169.254.169.254' }, issuers: [] }, 'entity_id_invalid'],
    ['TM-08: a mark that was issued to somebody else', { claims: { sub: id('other') } }, 'trust_mark_subject'],
    ['a mark that has ended', { claims: { exp: NOW - 1 } }, 'expired'],
    ['a type of another framework’s media type', { header: { typ: 'sirtfi-trust-mark+jwt' } }, 'typ_wrong'],
    ['a mark whose type has an owner and that shows no delegation', { owned: true }, 'delegation_missing'],
  ])('%s: falls alone, and nobody is asked about it', async (_what, options, code) => {
    const { codes, g, asked } = await judged(options);
    expect(codes[0]).toContain(code);
    expect(asked).toEqual([]);
    expect(g.asked.filter((one) => one !== 'leaf' && one !== 'ta' && one !== 'ta>leaf')).toEqual([]);
  });
  it('TM-09: a mark that another key signed falls, before its status is asked for', async () => {
    const { codes, asked } = await judged({ signedBy: 'b' });
    expect(codes).toEqual(['signature_key_unknown']);
    expect(asked).toEqual([]);
  });
  it('§7: a framework’s own media type counts where the caller names it', async () =>
    expect((await judged({ header: { typ: 'sirtfi-trust-mark+jwt' }, markTypes: ['sirtfi-trust-mark+jwt'] })).codes).toEqual(['']));
  it('TM-17: without a status endpoint a mark counts while it lives no longer than a statement may', async () => {
    const bare = { marker: { metadata: { federation_entity: {} } }, active: async () => ({ ok: false, findings: [] }) as never };
    const week = 7 * 24 * 60 * 60;
    const lives = async (seconds: number | undefined) =>
      (await judged({ ...bare, claims: { iat: NOW - 10, exp: seconds === undefined ? undefined : NOW - 10 + seconds } })).under.marks;
    const holds = async (seconds: number | undefined) => (await lives(seconds))[0]?.until !== undefined;
    expect(await Promise.all([holds(week - 1), holds(week), holds(week + 1), holds(undefined)])).toEqual([true, true, false, false]);
  });
  it('TM-10: an issuer that no chain of its own leads to: what the walk to it found is told, five findings of it', async () => {
    expect((await judged({ marker: { exp: NOW - 1000 } })).codes).toEqual(['expired']);
    const ways = Array.from({ length: 8 }, (_, n) => id(`gone${n}`));
    expect((await judged({ marker: { authority_hints: ways } })).codes[0]?.split(',')).toHaveLength(5);
  });
  it('… nor anything to be told: that is told', async () => {
    const { codes } = await judged({ marker: { authority_hints: undefined } });
    expect(codes).toEqual(['no_chain']);
  });
  it('§8.4: an issuer is handed over with its keys and its endpoint, as its own configuration has them', async () => {
    const handed: unknown[] = [];
    const g = await marked(['ta'], (issuer) => handed.push(issuer));
    const endpoint = `${id('marker')}/status`;
    expect(handed).toEqual([{ entityId: id('marker'), jwks: g.jwks('marker'), statusEndpoint: endpoint, exp: NOW + 1000 }]);
  });
  it('a mark is asked about once under however many anchors it counts', async () => {
    const handed: unknown[] = [];
    await marked(['ta', 'tb'], (issuer) => handed.push(issuer));
    expect(handed).toHaveLength(1);
  });
  /** Evaluates a marked leaf of two anchors; each verdict is valid and the mark holds. */
  async function marked(anchors: readonly string[], ask: (issuer: unknown) => void) {
    const marks: { trust_mark_type: string; trust_mark: string }[] = [];
    const metadata = { federation_entity: { federation_trust_mark_status_endpoint: `${id('marker')}/status` } };
    const g = await graph(
      { leaf: ['ta', 'tb'], ta: [], tb: [], marker: ['ta', 'tb'] },
      {
        configuration: (name) =>
          name === 'leaf' ? { trust_marks: marks } : name === 'marker' ? { metadata } : { trust_mark_issuers: { [TYPE]: [id('marker')] } },
      },
    );
    const mark = { iss: id('marker'), sub: id('leaf'), trust_mark_type: TYPE, exp: NOW + 500 };
    marks.push({ trust_mark_type: TYPE, trust_mark: await g.sign('marker', mark, { typ: 'trust-mark+jwt' }) });
    const { under } = await g.evaluate('leaf', anchors, {
      active: async (issuer) => {
        ask(issuer);
        return { ok: true, value: true };
      },
    });
    for (const verdict of under.values()) expect(verdict.state === 'valid' && verdict.marks.map(({ findings }) => findings)).toEqual([[]]);
    expect([...under.keys()]).toEqual(anchors.map(id));
    return g;
  }
  it('RFC 7519 §2: a time with a fraction ends at the whole second before', async () =>
    expect((await judged({ claims: { exp: NOW + 300.7 } })).under).toMatchObject({ exp: NOW + 300, until: NOW + 300 }));
  it('§8.4.2: a mark that its issuer calls inactive falls, and shortens nothing', async () => {
    const { codes, under } = await judged({ claims: { exp: NOW + 300 }, active: async () => ({ ok: true, value: false }) });
    expect(codes).toEqual(['trust_mark_not_active']);
    expect(under).toMatchObject({
      exp: NOW + 1000,
      until: NOW + 1000,
      marks: [{ exp: undefined, until: undefined, findings: [{ where: 'trust_marks/0 status' }] }],
    });
  });
  it('7.2.2: nothing is promised beyond the end of the delegation or of the issuer’s chain', async () => {
    expect((await judged({ marker: { exp: NOW + 120 } })).under).toMatchObject({ exp: NOW + 500, until: NOW + 120 });
    expect((await judged({ owned: true, delegated: { exp: NOW + 60 } })).under).toMatchObject({ exp: NOW + 500, until: NOW + 60 });
  });
  it('§18.1: the walks to issuers are paid for by the evaluation’s budget, and no more than 8 issuers and 32 marks are looked at', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `m${n}`);
    const marks: { trust_mark_type: string; trust_mark: string }[] = [];
    const g = await graph(
      new Proxy({ leaf: ['ta'], ta: [] } as Record<string, readonly string[]>, {
        get: (own, name: string) => own[name] ?? Array.from({ length: 16 }, (_, n) => `${name}x${n.toString(16)}`),
      }),
      { configuration: (name) => (name === 'leaf' ? { trust_marks: marks } : name === 'ta' ? { trust_mark_issuers: { [TYPE]: [] } } : {}) },
    );
    for (const name of names)
      marks.push({
        trust_mark_type: TYPE,
        trust_mark: await g.sign(name, { iss: id(name), sub: id('leaf'), trust_mark_type: TYPE }, { typ: 'trust-mark+jwt' }),
      });
    const under = (await g.evaluate('leaf', ['ta'])).under.get(id('ta'));
    if (under?.state !== 'valid') throw new Error('not valid');
    expect(g.asked.length).toBeLessThanOrEqual(200);
    expect(new Set(g.asked.filter((one) => /^m\d+$/.test(one))).size).toBeLessThanOrEqual(8);
    expect(under.marks).toHaveLength(32);
    expect(under.marks.every(({ findings }) => findings.length > 0)).toBe(true);
  });
});
