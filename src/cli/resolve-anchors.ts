import type { JwkSet } from '../federation/entry.js';
import type { Walk } from '../rp/entry.node.js';

export type Resolver = (subject: string, anchors: Readonly<Record<string, JwkSet>>) => Promise<Walk>;

/** What one anchor says of a subject. `elsewhere`: no superior of the subject leads there, so no chain was to be expected. */
export interface AnchorVerdict {
  readonly trust_anchor: string;
  readonly state: 'valid' | 'invalid' | 'elsewhere';
  readonly statements: number | null;
  readonly exp: number | null;
  readonly findings: Walk['steps'][number]['findings'];
}

/** Everyone above the subject, as far as configurations could be read. */
function above(subject: string, superiors: Walk['superiors']): ReadonlySet<string> {
  const seen = new Set([subject]);
  for (const one of seen) for (const superior of superiors.get(one) ?? []) seen.add(superior);
  return seen;
}

/**
 * The verdict of each anchor by itself: a chain to one hides nothing about another. Whoever gave no chain is asked alone, since
 * a walk that has reached one anchor need not go on to the next.
 */
export async function verdicts(
  subject: string,
  anchors: Readonly<Record<string, JwkSet>>,
  { chains }: Walk,
  resolver: Resolver,
): Promise<readonly AnchorVerdict[]> {
  const all: AnchorVerdict[] = [];
  for (const [id, keys] of Object.entries(anchors)) {
    const best = chains.find(({ trustAnchor }) => trustAnchor === id);
    if (best) {
      all.push({ trust_anchor: id, state: 'valid', statements: best.statements.length, exp: best.exp, findings: [] });
      continue;
    }
    const { chains: own, steps, superiors } = await resolver(subject, { [id]: keys });
    const [chain] = own;
    if (chain) all.push({ trust_anchor: id, state: 'valid', statements: chain.statements.length, exp: chain.exp, findings: [] });
    else
      all.push({
        trust_anchor: id,
        state: above(subject, superiors).has(id) ? 'invalid' : 'elsewhere',
        statements: null,
        exp: null,
        findings: steps.flatMap(({ findings }) => findings),
      });
  }
  return all;
}
