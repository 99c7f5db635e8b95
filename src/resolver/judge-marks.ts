import {
  type Finding,
  finding,
  type JwkSet,
  limits,
  parseTrustMark,
  type ParsedTrustMark,
  type Result,
  type TrustChain,
  verifyJws,
} from '../federation/entry.js';
import { isUnverified } from './validate-gathered.js';

/** Issuers whose trust is established for one subject's marks: each costs a walk. */
const MAX_ISSUERS = 8;
/**
 * A mark whose issuer answers for no status cannot be withdrawn, so it counts only when it lives no longer than a statement
 * may, seconds. The endpoint is a SHOULD (§5.1.1, §7.3).
 */
const MAX_LIFETIME_WITHOUT_STATUS = limits.MAX_STATEMENT_LIFETIME;

/** A mark's issuer as its own validated chain shows it. */
export interface MarkIssuer {
  readonly entityId: string;
  readonly jwks: JwkSet;
  /** `federation_trust_mark_status_endpoint` of its own configuration. */
  readonly statusEndpoint: string | undefined;
  /** When its chain ends. */
  readonly exp: number;
}

/** A mark with the verdict on it: it holds exactly when there are no findings. */
export interface JudgedMark {
  readonly trust_mark_type: string;
  readonly trust_mark: string;
  readonly exp: number | undefined;
  /** When something it rests on ends: the mark itself, its delegation, its issuer's chain. Seconds since the epoch. */
  readonly until: number | undefined;
  readonly findings: readonly Finding[];
}

export interface JudgeOptions {
  readonly now: number;
  readonly development?: boolean;
  /** Further `typ` values that marks of a trust framework have (§7). */
  readonly markTypes?: readonly string[];
  /** The chain of the subject: whose marks, and what its anchor says of issuers and owners. */
  readonly chain: TrustChain;
  /** The issuer's chain under the same anchor; findings when there is none. */
  issuer(entityId: string): Promise<Result<MarkIssuer>>;
  /** The same with the configuration it has today, where a cache gave the one of before; undefined where none did. */
  issuerAnew?(entityId: string): Promise<Result<MarkIssuer>> | undefined;
  /** Is the mark active, by its issuer's word? A failure to find out is a finding, never a yes. */
  active(issuer: MarkIssuer, mark: string): Promise<Result<boolean>>;
}

/**
 * The marks in the subject's configuration, each judged alone: is it verified, active, and of an issuer the Trust Anchor
 * accepts (OpenID Federation 1.0 §7.3, §8.3.2). What can be seen without asking anybody comes first, then trust in the
 * issuer, the signature, the status.
 */
export async function judgeMarks(options: JudgeOptions): Promise<readonly JudgedMark[]> {
  const { chain } = options;
  const given = (chain.statements[0]?.claims.trust_marks ?? []).slice(0, limits.MAX_TRUST_MARKS);
  const issuers = new Map<string, Promise<Result<MarkIssuer>>>();
  const again = new Map<string, Promise<Result<MarkIssuer>> | undefined>();
  const anew = (id: string): Promise<Result<MarkIssuer>> | undefined => {
    const asked = again.has(id) ? again.get(id) : options.issuerAnew?.(id);
    again.set(id, asked);
    return asked;
  };
  const issuerOf = (id: string): Promise<Result<MarkIssuer>> => {
    const known = issuers.get(id);
    if (known) return known;
    const asked =
      issuers.size >= MAX_ISSUERS
        ? Promise.resolve({ ok: false as const, findings: [finding('budget_exceeded', id, `marks of more than ${MAX_ISSUERS} issuers`)] })
        : options.issuer(id);
    issuers.set(id, asked);
    return asked;
  };
  return Promise.all(
    given.map(async ({ trust_mark_type, trust_mark }, n): Promise<JudgedMark> => {
      const judged = await judge(trust_mark, options, { issuerOf, anew });
      const findings = judged.ok ? [] : judged.findings.map((one) => ({ ...one, where: `trust_marks/${n} ${one.where}`.trim() }));
      return { trust_mark_type, trust_mark, findings, ...(judged.ok ? judged.value : { exp: undefined, until: undefined }) };
    }),
  );
}

async function judge(
  trustMark: string,
  { chain, now, development = false, markTypes = [], active }: JudgeOptions,
  { issuerOf, anew }: Issuers,
): Promise<Result<Pick<JudgedMark, 'exp' | 'until'>>> {
  const mark = await parseTrustMark(trustMark, { now, development, subject: chain.subject, anchor: chain.anchor, types: markTypes });
  if (!mark.ok) return mark;
  const { claims, jws, delegationExp } = mark.value;
  const by = async (issuer: Result<MarkIssuer>): Promise<Result<Pick<JudgedMark, 'exp' | 'until'>>> => {
    if (!issuer.ok) return issuer;
    const key = await verifyJws(jws, issuer.value.jwks);
    if (!key.ok) return key;
    const status = livesBriefly(mark.value) && issuer.value.statusEndpoint === undefined ? { ok: true as const, value: true } : undefined;
    const is = await active(issuer.value, trustMark).then((answer) => (answer.ok ? answer : (status ?? answer)));
    if (!is.ok) return is;
    if (!is.value) return { ok: false, findings: [finding('trust_mark_not_active', 'status', 'its issuer says that it is not active')] };
    const ends = [claims.exp, delegationExp, issuer.value.exp].filter((one) => one !== undefined);
    return { ok: true, value: { exp: claims.exp, until: Math.min(...ends) } };
  };
  const judged = await by(await issuerOf(claims.iss));
  // A signature of the mark, or of the answer about its status, that fails may be by a key that came a moment ago.
  const today = isUnverified(judged) ? await anew(claims.iss) : undefined;
  return today ? by(today) : judged;
}

/** Who has issued the marks of one subject: each is found out once, and once more past a cache. */
interface Issuers {
  issuerOf(id: string): Promise<Result<MarkIssuer>>;
  anew(id: string): Promise<Result<MarkIssuer>> | undefined;
}

const livesBriefly = ({ claims: { iat, exp } }: ParsedTrustMark): boolean => exp !== undefined && exp - iat <= MAX_LIFETIME_WITHOUT_STATUS;
