import { type Finding, finding, type JwkSet, type Result, type TrustChain } from '../federation/entry.js';
import { withinBudget } from '../outbound/budget.js';
import { createBudget } from '../outbound/evaluation-budget.js';
import type { Outbound } from '../outbound/outbound.js';
import { issuerUnder } from '../resolver/evaluate.js';
import { judgeMarks } from '../resolver/judge-marks.js';
import { askMarkStatus } from '../resolver/mark-status.js';
import type { StatementSource } from '../resolver/source.js';
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import { isSilence } from './gate/status-lists.js';
import { type Known, type Reply, type Watched, watched } from './gate/watched.js';
import type { Mode } from './modes.js';

/** A mark serves for so long while its issuer does not answer (seconds). */
const SILENCE_SECONDS = 300;
/** Judging a mark takes a walk to its issuer. */
const MILLISECONDS = 5000;
const MAX_MARKS = 5000;

export interface MarksOptions {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly outbound: Outbound;
  readonly source: StatementSource;
  readonly mode: Mode;
  readonly clock: Clock;
  readonly development: boolean;
}

type Held = { readonly exp: number };

/** Does the subject of a chain bear a Trust Mark of a type: verified, active, by an issuer of the same Trust Anchor (§7.3, §8.4)? */
export function createMarks({ anchors, outbound, source, mode, clock, development }: MarksOptions): (chain: TrustChain, type: string) => Promise<Known<Held>> {
  const marks = new BoundedMap<string, Watched<Held>>(MAX_MARKS);

  async function judge(chain: TrustChain, type: string): Promise<Reply<Held>> {
    const [own] = chain.statements;
    const borne = (own?.claims.trust_marks ?? []).filter((mark) => mark.trust_mark_type === type);
    if (!own || borne.length === 0) return { kind: 'denied', findings: [finding('requirement_unmet', type, 'it bears no Trust Mark of this type')] };
    const now = clock.now();
    const budget = createBudget(() => clock.milliseconds());
    const anchor = chain.trustAnchor;
    const paid = withinBudget(outbound, budget);
    const judged = await judgeMarks({
      now,
      development,
      // Marks of other types are nobody's concern here: their issuers are not asked.
      chain: { ...chain, statements: [{ ...own, claims: { ...own.claims, trust_marks: borne } } as typeof own, ...chain.statements.slice(1)] },
      issuer: (id) => issuerUnder(id, anchor, { anchors, source, now, development, budget }),
      active: (issuer, mark): Promise<Result<boolean>> => askMarkStatus(paid, issuer, mark, now),
    });
    const good = judged.find(({ findings }) => findings.length === 0);
    if (good) return { kind: 'value', value: { exp: Math.floor(good.until ?? now + SILENCE_SECONDS) }, etag: undefined };
    const findings: readonly Finding[] = judged.flatMap((one) => one.findings).slice(0, 10);
    if (isSilence(findings)) return { kind: 'unreachable', findings };
    return { kind: findings.some(({ transient }) => transient) ? 'wrong' : 'denied', findings };
  }

  return (chain, type) => {
    // Another configuration may bear other marks.
    const key = `${chain.trustAnchor} ${type} ${chain.statements[0]?.compact ?? ''}`;
    const known = marks.get(key);
    const mark =
      known ??
      marks.set(
        key,
        watched({
          what: `the mark ${type} of ${chain.subject}`,
          ask: () => judge(chain, type),
          until: ({ exp }, confirmed) => Math.min(exp, confirmed + SILENCE_SECONDS),
          milliseconds: MILLISECONDS,
          clock,
        }),
      );
    return mark.get(mode.seconds);
  };
}
