import { type ErrorCode, type Finding, finding } from '../federation/entry.js';
import type { Walk, WalkStep } from './walk.js';

/** Why there is no chain: a verdict with an error code of §8.9, or something that may pass. */
export type Refused =
  | { readonly state: 'invalid'; readonly error: ErrorCode; readonly findings: readonly Finding[] }
  | { readonly state: 'unreachable'; readonly findings: readonly Finding[] };

const METADATA_CODES = /^(policy_|metadata_|constraint_malformed)/;
const MAX_FINDINGS = 20;

/**
 * What a walk that found no chain to an anchor says. A failure that may pass counts where a retry could still reach the
 * anchor by what is known of the graph; a definite refusal on the way to the anchor is not hidden by a superior elsewhere that
 * does not answer. Where nothing definite is known, a failure that may pass is no verdict.
 */
export function refused(subject: string, anchor: string, { steps, configuration, superiors }: Walk): Refused {
  const first = (findings: readonly Finding[]) => findings.slice(0, MAX_FINDINGS);
  const all = steps.flatMap((step) => step.findings);
  if (!configuration) {
    const own = steps.filter(({ what, of }) => what === 'configuration' && of[0] === subject).flatMap(({ findings }) => findings);
    if (own.length === 0 || own.some(({ transient }) => transient)) return { state: 'unreachable', findings: first(all) };
    const missing = own.some(({ code }) => code === 'status_unexpected');
    return { state: 'invalid', error: missing ? 'not_found' : 'invalid_subject', findings: first(all) };
  }
  const ways = steps.filter((step) => step.findings.length > 0 && leadsTo(anchor, step, superiors));
  const mayPass = ways.some(({ findings }) => findings.some(({ transient }) => transient));
  // Where nothing on a way may pass, whatever failed there is definite.
  if (mayPass || (ways.length === 0 && all.some(({ transient }) => transient))) return { state: 'unreachable', findings: first(all) };
  const said = ways.filter(({ what }) => what === 'chain').flatMap(({ findings }) => findings);
  if (said.length > 0 && said.every(({ code }) => METADATA_CODES.test(code))) return { state: 'invalid', error: 'invalid_metadata', findings: first(said) };
  const none = finding('no_chain', anchor, 'no valid chain leads from the entity to this trust anchor');
  return { state: 'invalid', error: 'invalid_trust_chain', findings: first([none, ...(said.length ? said : all)]) };
}

/** Would this step, had it gone well, have been on a way to the anchor, as far as the graph is known? */
function leadsTo(anchor: string, { what, of }: WalkStep, superiors: Walk['superiors']): boolean {
  if (what === 'chain') return of.at(-1) === anchor;
  const reached = new Set(of.slice(0, 1));
  for (const id of reached) {
    if (id === anchor) return true;
    for (const above of superiors.get(id) ?? []) reached.add(above);
  }
  return false;
}
