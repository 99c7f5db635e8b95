import type { FindingCode } from '../../federation/entry.js';
import type { Judged } from '../judged.js';
import { Refusal, refuseFindings } from '../refusal.js';
import type { MemberRow } from '../registry.js';

/**
 * Findings an operator may accept by name at an enrolment: what the entity's metadata lacks under our policy, a key that is
 * the authority's own or was halted, an identifier that is another one's but for its spelling. What keeps
 * its configuration or its keys from being read cannot be waived away: there would be nothing to sign.
 */
export const WAIVABLE: readonly FindingCode[] = ['policy_violation', 'policy_operator_type', 'key_of_authority', 'key_halted', 'identifier_respelled'];

/** Codes among the findings that stand in the way and may be waived. */
export const waivableOf = (findings: readonly Judged[]): readonly string[] => [
  ...new Set(findings.filter(({ severity, code }) => severity === 'error' && WAIVABLE.includes(code)).map(({ code }) => code)),
];

const list = (codes: readonly string[]) => codes.join(', ');

/**
 * What is left of the errors once the codes named are waived.
 * @throws Refusal invalid_request for a code that cannot be waived; findings for errors that nobody has waived
 */
export function expectWaived(findings: readonly Judged[], waive: readonly string[], found = 'pre-flight found faults'): void {
  const useless = waive.filter((code) => !(WAIVABLE as readonly string[]).includes(code));
  const errors = findings.filter(({ severity, code }) => severity === 'error' && !(waive.includes(code) && WAIVABLE.includes(code)));
  if (errors.length) {
    const able = waivableOf(errors);
    const stubborn = [...new Set(errors.map(({ code }) => code))].filter((code) => !able.includes(code));
    const ways = [
      ...(able.length ? [`${list(able)} can be waived`] : []),
      ...(stubborn.length ? [`${list(stubborn)} cannot be waived and must be mended`] : []),
    ];
    throw refuseFindings(`${found}: ${ways.join('; ')}`, findings);
  }
  if (useless.length)
    throw new Refusal('invalid_request', `${list(useless.map((code) => code.slice(0, 60)))} cannot be waived; what can be: ${list(WAIVABLE)}`);
}

/** What was waived of a member; a cell that cannot be read does not pass for one that says nothing. */
export function waivedOf({ waived }: Pick<MemberRow, 'waived'>): readonly string[] {
  try {
    return [...waived];
  } catch (error) {
    if (error instanceof SyntaxError) return ['unreadable'];
    throw error;
  }
}
