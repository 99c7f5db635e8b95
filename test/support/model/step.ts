import type { Answer } from '../deployment.js';
import { type Expected, mayBeActive } from './expected.js';
import type { Process } from './process.js';
import type { Random } from './random.js';
import { SLUGS, type Slug, type World } from './world.js';

/** What one step asks of a process, and what ought to come of it. */
export interface Step {
  readonly says: string;
  act(process: Process): Promise<Answer>;
  /** What it does when it is carried out. */
  apply(e: Expected, answer: Answer | undefined, now: number): void;
  /** `yes`: it has to succeed, `no`: it has to be refused. */
  readonly may: 'yes' | 'no' | 'maybe';
  /** Facts that may appear without the model knowing their names. */
  readonly creates?: readonly string[];
}

/** What a verb may look at when it chooses what to do. */
export interface Choosing {
  readonly world: World;
  readonly e: Expected;
  readonly random: Random;
  /** The clock of the process that is asked is trusted. */
  readonly clock: boolean;
  /** 0 at the beginning of the walk, 1 at its end. */
  readonly progress: number;
  readonly tokens: Map<string, { readonly token: string; revoked: boolean }>;
}

export type Verb = (choosing: Choosing) => Promise<Step | undefined> | Step | undefined;

export const of = encodeURIComponent;
export const reason = 'model';

export const canSign = ({ keys }: Expected, slug: Slug): boolean => [...keys].some(([name, state]) => name.startsWith(`${slug} `) && state === 'active');

/** Nothing is in the way of signing for an authority. */
export const signs = ({ e, world, clock }: Choosing, slug: Slug): boolean =>
  clock && !world.custody.away && !e.unconfirmed && e.authorities[slug] === 'active' && canSign(e, slug);

/** Nothing is in the way of publishing a member, its marks at either authority included. */
export const publishes = (c: Choosing, slug: Slug, member: Parameters<typeof mayBeActive>[2]): boolean =>
  signs(c, slug) && SLUGS.every((one) => c.e.authorities[one] !== 'active' || signs(c, one)) && mayBeActive(c.e, slug, member, c.world.now());

/** Nothing is in the way of a write that signs nothing and cuts nothing. */
export const writes = ({ e, clock }: Choosing, slug: Slug): boolean => clock && e.authorities[slug] !== 'retired';

export const yesIf = (able: boolean): 'yes' | 'maybe' => (able ? 'yes' : 'maybe');
export const isOk = (answer: Answer | undefined): boolean => answer !== undefined && answer.status >= 200 && answer.status < 300;
