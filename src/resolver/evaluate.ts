import {
  createKeyCache,
  type EntityStatement,
  type ErrorCode,
  type Finding,
  finding,
  rememberingSignatures,
  type Result,
  type TrustChain,
} from '../federation/entry.js';
import { createBudget } from '../outbound/evaluation-budget.js';
import { createGatherer } from './gather.js';
import { type JudgedMark, judgeMarks, type MarkIssuer } from './judge-marks.js';
import { isDenied } from './kept-chain.js';
import { type Refused, refused } from './refused.js';
import { type Walk, walk, type WalkOptions } from './walk.js';

export interface EvaluateOptions extends Omit<WalkOptions, 'gatherer'> {
  /** Ask a mark's issuer whether the mark is active. */
  active(issuer: MarkIssuer, mark: string): Promise<Result<boolean>>;
  /** Further `typ` values that marks of a trust framework have (OpenID Federation 1.0 §7). */
  readonly markTypes?: readonly string[];
  /** By anchor, the chain of an answer that is on record: whether it may go on being used is found out when there is no new one. */
  readonly kept?: ReadonlyMap<string, readonly string[]>;
  /** Awaited before what the issuers of such a chain state is asked for, which has a time of its own. */
  readonly beforeKept?: () => Promise<void>;
}

/** What holds of a subject under one anchor. `unreachable` is no verdict: something failed that may pass. */
export type Verdict =
  | {
      readonly state: 'valid';
      readonly chain: TrustChain;
      readonly marks: readonly JudgedMark[];
      /** The smallest `exp` of the chain and of each mark that holds (§8.3.2), seconds since the epoch. */
      readonly exp: number;
      /** When something that a mark rests on ends, at the latest `exp`. */
      readonly until: number;
    }
  | { readonly state: 'invalid'; readonly error: ErrorCode; readonly findings: readonly Finding[] }
  | {
      readonly state: 'unreachable';
      readonly findings: readonly Finding[];
      /** A statement that the answer on record rests on is denied by its issuer now, or does not hold any more. */
      readonly denied: boolean;
    };

export interface Evaluation {
  readonly walk: Walk;
  readonly configuration: EntityStatement | undefined;
  /** A verdict for every anchor that was asked for. */
  readonly under: ReadonlyMap<string, Verdict>;
}

/**
 * Evaluate one subject under each of the pinned anchors (OpenID Federation 1.0 §8.3, §10): collect, validate, choose the
 * best chain, judge the marks in the subject's configuration. One walk answers for all anchors, nothing is fetched twice,
 * and one budget pays for everything.
 */
export async function evaluate(subject: string, given: EvaluateOptions): Promise<Evaluation> {
  const budget = given.budget ?? createBudget();
  const keyCache = rememberingSignatures(given.keyCache ?? createKeyCache(64));
  // The walks to the issuers of marks meet the same superiors.
  const gatherer = createGatherer({ ...given, keyCache, budget });
  const options = { ...given, budget, keyCache, gatherer, active: once(given.active) };
  const walked = await walk(subject, options);
  const under = new Map<string, Verdict>();
  for (const anchor of Object.keys(options.anchors)) {
    const chain = walked.chains.find(({ trustAnchor }) => trustAnchor === anchor);
    under.set(anchor, chain ? await judge(chain, options) : await withKept(refused(subject, anchor, walked), anchor, walked, options));
  }
  return { walk: walked, configuration: walked.configuration, under };
}

type Options = EvaluateOptions & Required<Pick<WalkOptions, 'gatherer' | 'budget'>>;

/** A mark is asked about once with the same keys of its issuer, under however many anchors it counts. */
function once(active: EvaluateOptions['active']): EvaluateOptions['active'] {
  const asked = new Map<string, Promise<Result<boolean>>>();
  return (issuer, mark) => {
    const key = `${mark} ${JSON.stringify(issuer.jwks)}`;
    const known = asked.get(key) ?? active(issuer, mark);
    asked.set(key, known);
    return known;
  };
}

async function judge(chain: TrustChain, options: Options): Promise<Verdict> {
  const anchor = chain.trustAnchor;
  const marks = await judgeMarks({
    now: options.now,
    development: options.development ?? false,
    markTypes: options.markTypes ?? [],
    chain,
    issuer: (id) => issuerUnder(id, anchor, options),
    issuerAnew: (id) => options.gatherer.anew(id)?.then(() => issuerUnder(id, anchor, options)),
    active: options.active,
  });
  const good = marks.filter(({ findings }) => findings.length === 0);
  // Others' times may have a fraction (RFC 7519 §2); an answer of ours ends at a whole second, never later.
  const least = (ends: readonly (number | undefined)[]) => Math.floor(Math.min(chain.exp, ...ends.filter((one) => one !== undefined)));
  return { state: 'valid', chain, marks, exp: least(good.map(({ exp }) => exp)), until: least(good.map(({ until }) => until)) };
}

/** Trust in a mark's issuer: a chain of its own to the same anchor (§7.3). */
export async function issuerUnder(entityId: string, anchor: string, options: WalkOptions): Promise<Result<MarkIssuer>> {
  const pinned = options.anchors[anchor];
  const { chains, steps } = await walk(entityId, { ...options, anchors: pinned ? { [anchor]: pinned } : {} });
  const own = chains[0]?.statements[0]?.claims;
  if (!chains[0] || !own) {
    const found = steps.flatMap(({ findings }) => findings);
    return { ok: false, findings: found.length ? found.slice(0, 5) : [finding('no_chain', entityId, 'no chain leads to the issuer of the mark')] };
  }
  const endpoint = own.metadata?.['federation_entity']?.['federation_trust_mark_status_endpoint'];
  return { ok: true, value: { entityId, jwks: own.jwks, statusEndpoint: typeof endpoint === 'string' ? endpoint : undefined, exp: chains[0].exp } };
}

/**
 * What the answer on record says when there is no new one. Its chain with the statements of today decides: denied, it goes,
 * however much else cannot be reached; while it cannot be found out, a refusal elsewhere is no verdict on it.
 */
async function withKept(verdict: Refused, anchor: string, { configuration }: Walk, options: Options): Promise<Verdict> {
  const chain = options.kept?.get(anchor);
  if (!chain) return verdict.state === 'invalid' ? verdict : { ...verdict, denied: false };
  await options.beforeKept?.();
  const denied = await isDenied(chain, configuration, options);
  if (denied === 'unknown') return { state: 'unreachable', findings: verdict.findings, denied: false };
  return verdict.state === 'invalid' ? verdict : { ...verdict, denied };
}
