import { type Entitlement, type Finding, finding, parseEntitlements } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { entitlementKey, inOrder } from '../../federation/entitlements/entitlement.js';
import { refuseFindings } from '../refusal.js';
import type { Entitled } from './effective.js';

/** What somebody wants of a member's entitlements; pure. */

export interface Lists {
  readonly entitlements?: unknown;
  readonly bundles?: readonly string[] | undefined;
}

/** The whole of it, or what comes and goes. */
export interface EntitlementEdit {
  /** `entitlements` null: nothing limits it but its bundles. */
  readonly set?: Lists | undefined;
  readonly add?: Lists | undefined;
  readonly remove?: Lists | undefined;
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

function listOf(value: unknown, where: string): readonly Entitlement[] {
  if (value === undefined) return [];
  const parsed = parseEntitlements(value, where);
  if (!parsed.ok) throw refuseFindings('these entitlements cannot be read', parsed.findings);
  return parsed.value;
}

/** What is taken away without a template goes with every template it has. */
const isOne = (wanted: Entitlement, one: Entitlement): boolean =>
  wanted.kind === one.kind && wanted.value === one.value && (wanted.template === undefined || entitlementKey(wanted) === entitlementKey(one));

/** @throws Refusal findings: somebody who takes away what is not there has mistyped it, and it would stay */
function without(before: Entitled, { entitlements, bundles = [] }: Lists): Entitled {
  const gone = listOf(entitlements, 'remove/entitlements');
  const own = before.entitlements ?? [];
  const missing = (where: string, detail: string): Finding => finding('entitlement_invalid', where, detail);
  const findings = [
    ...gone.flatMap((wanted, n) =>
      own.some((one) => isOne(wanted, one))
        ? []
        : [missing(`remove/entitlements/${n}`, `the ${wanted.kind} ${quote(wanted.value)} is none of its own; what a bundle gives goes with the bundle`)],
    ),
    ...bundles.flatMap((name, n) => (before.bundles.includes(name) ? [] : [missing(`remove/bundles/${n}`, `it has no bundle ${quote(name)}`)])),
  ];
  if (findings.length) throw refuseFindings('what is not there cannot be taken away', findings);
  const kept = own.filter((one) => !gone.some((wanted) => isOne(wanted, one)));
  const left = before.bundles.filter((name) => !bundles.includes(name));
  // Whoever loses the last of it is entitled to nothing, and not without limit.
  const limited = before.entitlements !== null || before.bundles.length > 0;
  return { entitlements: before.entitlements === null && !(limited && left.length === 0) ? null : kept, bundles: left };
}

function withMore(before: Entitled, { entitlements, bundles = [] }: Lists): Entitled {
  const more = listOf(entitlements, 'add/entitlements');
  const own = before.entitlements === null && more.length === 0 ? null : inOrder([...(before.entitlements ?? []), ...more]);
  return { entitlements: own, bundles: unique([...before.bundles, ...bundles]) };
}

/** @throws Refusal findings */
export function edited(before: Entitled, { set, add, remove }: EntitlementEdit): Entitled {
  if (set) {
    const entitlements = set.entitlements === null ? null : listOf(set.entitlements, 'entitlements');
    return { entitlements, bundles: unique(set.bundles ?? []) };
  }
  const left = remove ? without(before, remove) : before;
  const after = add ? withMore(left, add) : left;
  if (after.entitlements === null) return after;
  // Together they are a list like one that is set.
  return { ...after, entitlements: listOf(after.entitlements, 'entitlements') };
}
