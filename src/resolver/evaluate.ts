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
import { type JudgedMark, judgeMarks, type MarkIssuer } from './judge-marks.js';
import { type Walk, walk, type WalkOptions } from './walk.js';

export interface EvaluateOptions extends WalkOptions {
  /** Ask a mark's issuer whether the mark is active. */
  active(issuer: MarkIssuer, mark: string): Promise<Result<boolean>>;
}

/** What holds of a subject under one anchor. `unreachable` is no verdict: something failed that may pass. */
export type Verdict =
  | { readonly state: 'valid'; readonly chain: TrustChain; readonly marks: readonly JudgedMark[]; readonly exp: number }
  | { readonly state: 'invalid'; readonly error: ErrorCode; readonly findings: readonly Finding[] }
  | { readonly state: 'unreachable'; readonly findings: readonly Finding[] };

export interface Evaluation {
  readonly walk: Walk;
  readonly configuration: EntityStatement | undefined;
  /** A verdict for every anchor that was asked for. */
  readonly under: ReadonlyMap<string, Verdict>;
}

/**
 * Evaluate one subject under each of the pinned anchors (OpenID Federation 1.0 §8.3, §10): collect, validate, choose the
 * best chain, judge the marks in the subject's configuration. One walk answers for all anchors: nothing is fetched twice.
 */
export async function evaluate(subject: string, given: EvaluateOptions): Promise<Evaluation> {
  // The walks to the issuers of marks meet the same superiors.
  const options = { ...given, keyCache: rememberingSignatures(given.keyCache ?? createKeyCache(64)) };
  const walked = await walk(subject, options);
  const under = new Map<string, Verdict>();
  for (const anchor of Object.keys(options.anchors)) {
    const chain = walked.chains.find(({ trustAnchor }) => trustAnchor === anchor);
    under.set(anchor, chain ? await judge(chain, options) : failure(subject, anchor, walked));
  }
  return { walk: walked, configuration: walked.configuration, under };
}

async function judge(chain: TrustChain, options: EvaluateOptions): Promise<Verdict> {
  const anchor = chain.trustAnchor;
  const marks = await judgeMarks({
    now: options.now,
    development: options.development ?? false,
    chain,
    issuer: (id) => issuerUnder(id, anchor, options),
    active: options.active,
  });
  const ends = marks.filter(({ findings }) => findings.length === 0).flatMap(({ exp }) => (exp === undefined ? [] : [exp]));
  return { state: 'valid', chain, marks, exp: Math.min(chain.exp, ...ends) };
}

/** Trust in a mark's issuer: a chain of its own to the same anchor (§7.3). */
async function issuerUnder(entityId: string, anchor: string, options: EvaluateOptions): Promise<Result<MarkIssuer>> {
  const pinned = options.anchors[anchor];
  const { chains, steps } = await walk(entityId, { ...options, anchors: pinned ? { [anchor]: pinned } : {} });
  const own = chains[0]?.statements[0]?.claims;
  if (!own) {
    const found = steps.flatMap(({ findings }) => findings);
    return { ok: false, findings: found.length ? found.slice(0, 5) : [finding('no_chain', entityId, 'no chain leads to the issuer of the mark')] };
  }
  const endpoint = own.metadata?.['federation_entity']?.['federation_trust_mark_status_endpoint'];
  return { ok: true, value: { entityId, jwks: own.jwks, statusEndpoint: typeof endpoint === 'string' ? endpoint : undefined } };
}

const METADATA_CODES = /^(policy_|metadata_|constraint_malformed)/;
const MAX_FINDINGS = 20;

/** Why there is no chain, as one of the error codes of §8.9. */
function failure(subject: string, anchor: string, { steps, configuration }: Walk): Verdict {
  const findings = steps.flatMap((step) => step.findings);
  const transient = findings.some((one) => one.transient);
  const first = findings.slice(0, MAX_FINDINGS);
  if (transient) return { state: 'unreachable', findings: first };
  if (!configuration) {
    const missing = steps.some(
      ({ what, of, findings: found }) => what === 'configuration' && of[0] === subject && found.some(({ code }) => code === 'status_unexpected'),
    );
    return { state: 'invalid', error: missing ? 'not_found' : 'invalid_subject', findings: first };
  }
  const tried = steps.filter(({ what, of }) => what === 'chain' && of.at(-1) === anchor);
  const said = tried.flatMap((step) => step.findings);
  if (said.length && said.every(({ code }) => METADATA_CODES.test(code)))
    return { state: 'invalid', error: 'invalid_metadata', findings: said.slice(0, MAX_FINDINGS) };
  const none = finding('no_chain', anchor, 'no valid chain leads from the entity to this trust anchor');
  return { state: 'invalid', error: 'invalid_trust_chain', findings: [none, ...(said.length ? said : first)].slice(0, MAX_FINDINGS) };
}
