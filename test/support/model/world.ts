import { freshStore, platform } from '#test-platform';
import { type Custody, sealedCustody } from '../../../src/keys/custody.js';
import { newSealKey } from '../../../src/keys/random.js';
import { importSealKey } from '../../../src/keys/seal.js';
import { ensureOwner } from '../../../src/operations/access/api-keys.js';
import { checkHead } from '../../../src/outbound/read-reply.js';
import type { Outbound } from '../../../src/outbound/outbound.js';
import { NOW } from '../deployment.js';
import type { TestStore } from '../platform.js';
import { configurationOf, type Leaf, newLeaf } from './leafs.js';
import { type Process, startProcess } from './process.js';

export const SLUGS = ['main', 'inter'] as const;
export type Slug = (typeof SLUGS)[number];
/** The anchor, and an intermediate below it in the same deployment. */
export const ENTITY: Record<Slug, string> = { main: 'https://anchor.example.org', inter: 'https://inter.example.org' };
export const PARTNER = 'https://partner.example.net';
export const TYPES = ['https://anchor.example.org/marks/certified', 'https://anchor.example.org/marks/endless'] as const;
export const ORGANIZATIONS = ['Bank A', 'Bank B'] as const;
export const LEAFS = [1, 2, 3, 4, 5, 6, 7].map((n) => `https://rp${n}.example.com`);

/** Two processes on one store, the world around them, and a partner with a store of its own where the runtime has a second one. */
export interface World {
  readonly now: () => number;
  pass(seconds: number): void;
  /** Set the clock off while no time passes. */
  jump(seconds: number): void;
  /** By how much the clock is off now. */
  off(): number;
  /** Key custody is away. */
  readonly custody: { away: boolean };
  readonly leafs: ReadonlyMap<string, Leaf>;
  readonly processes: readonly [Process, Process];
  readonly partner: Process | undefined;
  readonly store: TestStore;
  readonly token: string;
}

const URLS = Object.values(ENTITY);

function flaky(custody: Custody, trouble: { readonly away: boolean }): Custody {
  const there = () => {
    if (trouble.away) throw new TypeError('socket hang up');
  };
  return {
    async generate(...asked) {
      there();
      return custody.generate(...asked);
    },
    async adopt(...asked) {
      there();
      return custody.adopt(...asked);
    },
    async signer(key) {
      there();
      const signer = await custody.signer(key);
      return {
        ...signer,
        async sign(bytes) {
          there();
          return signer.sign(bytes);
        },
      };
    },
  };
}

export async function buildWorld(): Promise<World> {
  const time = { clock: NOW, jumped: 0 };
  const now = () => time.clock;
  const clock = { now, elapsed: () => time.clock - time.jumped };
  const custody = { away: false };
  const leafs = new Map<string, Leaf>();
  for (const id of LEAFS) leafs.set(id, await newLeaf(id, [ENTITY.main, ENTITY.inter]));
  const outbound: Outbound = {
    post: ({ form, ...request }) => ask(request, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString() }),
    get: (request) => ask(request),
  };
  async function ask(request: Parameters<Outbound['get']>[0], init?: RequestInit): ReturnType<Outbound['get']> {
    const { url } = request;
    const leaf = leafs.get(url.replace('/.well-known/openid-federation', ''));
    if (leaf) return { ok: true, value: { url, body: await configurationOf(leaf, world) } };
    const ours = URLS.some((one) => url.startsWith(`${one}/`));
    const given = ours ? await world.processes[0].public(url, init) : { status: 503, headers: new Headers(), text: '' };
    return checkHead(request, given.status, (name) => given.headers.get(name) ?? undefined) ?? { ok: true, value: { url, body: given.text } };
  }
  const store = await freshStore(now);
  const parts = { custody: flaky(sealedCustody(await importSealKey(newSealKey())), custody), outbound, clock };
  let token = '';
  const first = startProcess('first', store, parts, () => token);
  token = (await ensureOwner(first.deployment, undefined)) as string;
  const second = startProcess('second', store.another(), parts, () => token);
  const world: World = {
    now,
    pass(seconds) {
      time.clock += seconds;
    },
    jump: (seconds) => Object.assign(time, { clock: time.clock + seconds, jumped: time.jumped + seconds }),
    off: () => time.jumped,
    custody,
    leafs,
    processes: [first, second],
    partner: platform === 'node' ? await startPartner() : undefined,
    store,
    token,
  };
  return world;

  async function startPartner(): Promise<Process> {
    const own = { custody: sealedCustody(await importSealKey(newSealKey())), outbound, clock };
    let bearer = '';
    const partner = startProcess('partner', await freshStore(now), own, () => bearer);
    bearer = (await ensureOwner(partner.deployment, undefined)) as string;
    return partner;
  }
}
