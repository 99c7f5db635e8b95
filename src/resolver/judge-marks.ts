import { type Finding, finding, type JwkSet, parseJws, type Result, type TrustChain, validateTrustMark } from '../federation/entry.js';

/** Issuers whose trust is established for one subject's marks: each costs a walk of its own. */
const MAX_ISSUERS = 8;

/** A mark's issuer as its own validated chain shows it. */
export interface MarkIssuer {
  readonly entityId: string;
  readonly jwks: JwkSet;
  /** `federation_trust_mark_status_endpoint` of its own configuration. */
  readonly statusEndpoint: string | undefined;
}

/** A mark with the verdict on it: it holds exactly when there are no findings. */
export interface JudgedMark {
  readonly trust_mark_type: string;
  readonly trust_mark: string;
  readonly exp: number | undefined;
  readonly findings: readonly Finding[];
}

export interface JudgeOptions {
  readonly now: number;
  readonly development?: boolean;
  /** The chain of the subject: whose marks, and what its anchor says of issuers and owners. */
  readonly chain: TrustChain;
  /** The issuer's chain under the same anchor; findings when there is none. */
  issuer(entityId: string): Promise<Result<MarkIssuer>>;
  /** Is the mark active, by its issuer's word? A failure to find out is a finding, never a yes. */
  active(issuer: MarkIssuer, mark: string): Promise<Result<boolean>>;
}

/**
 * The marks in the subject's configuration, each verified, active, and of an issuer the Trust Anchor accepts (OpenID
 * Federation 1.0 §7.3, §8.3.2): trust in the issuer comes first, then the mark with its delegation, then its status.
 */
export async function judgeMarks(options: JudgeOptions): Promise<readonly JudgedMark[]> {
  const { chain, now, development = false } = options;
  const given = chain.statements[0]?.claims.trust_marks ?? [];
  const issuers = new Map<string, Promise<Result<MarkIssuer>>>();
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
      const no = (...findings: readonly Finding[]): JudgedMark => ({
        trust_mark_type,
        trust_mark,
        exp: undefined,
        findings: findings.map((one) => ({ ...one, where: `trust_marks/${n} ${one.where}`.trim() })),
      });
      const jws = parseJws(trust_mark, ['trust-mark+jwt']);
      if (!jws.ok) return no(...jws.findings);
      const unlisted = notListed(trust_mark_type, chain);
      if (unlisted) return no(unlisted);
      const issuer = await issuerOf(String(jws.value.claims['iss']));
      if (!issuer.ok) return no(...issuer.findings);
      const mark = await validateTrustMark(trust_mark, { now, development, subject: chain.subject, issuer: issuer.value, anchor: chain.anchor });
      if (!mark.ok) return no(...mark.findings);
      const active = await options.active(issuer.value, trust_mark);
      if (!active.ok) return no(...active.findings);
      if (!active.value) return no(finding('trust_mark_not_active', 'status', 'its issuer says that it is not active'));
      return { trust_mark_type, trust_mark, exp: mark.value.claims.exp, findings: [] };
    }),
  );
}

/** Nothing is asked about marks of types the anchor does not list: they would not be used anyway (§17.5). */
function notListed(type: string, { anchor: { trust_mark_issuers: issuers = {}, trust_mark_owners: owners = {} } }: TrustChain): Finding | undefined {
  return Object.hasOwn(issuers, type) || Object.hasOwn(owners, type)
    ? undefined
    : finding('trust_mark_not_recognized', 'trust_mark_type', 'the trust anchor does not list this type');
}
