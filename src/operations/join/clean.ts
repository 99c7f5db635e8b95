import { FINDING_CODES, finding, type JwkSet } from '../../federation/entry.js';
import { asErrors, isError, type Judged } from '../judged.js';
import { namedKeys } from '../members/key-binding.js';
import { WAIVABLE } from '../members/waivers.js';
import { Refusal, refuseFindings } from '../refusal.js';

/** Of whose organization a member becomes says its applicant: that it is one of ours a person accepts by this name. */
export const ORGANIZATION_KNOWN = 'organization_known';

/**
 * Keys that were handed in and that the identifier does not publish: with a link anybody names any identifier, and what whoever
 * has it publishes says nothing about keys of somebody else.
 * @param published undefined or null: nothing could be read, which is a finding by itself
 */
export async function keysNotPublished(handedIn: JwkSet | undefined, published: JwkSet | null | undefined): Promise<readonly Judged[]> {
  if (!handedIn || !published) return [];
  const theirs = new Set((await namedKeys(published)).map(({ jkt }) => jkt));
  const others = (await namedKeys(handedIn)).filter(({ jkt }) => !theirs.has(jkt));
  return asErrors(
    others.map(({ kid, jkt }) =>
      finding('keys_differ', `jwks ${kid}`, `the entity configuration of the identifier does not have the key ${jkt}, which was handed in`),
    ),
  );
}

/** Codes that a person may have meant. @throws Refusal invalid_request */
export function expectKnownCodes(codes: readonly string[]): void {
  const unknown = codes.filter((code) => code !== ORGANIZATION_KNOWN && !(FINDING_CODES as readonly string[]).includes(code));
  if (unknown.length) throw new Refusal('invalid_request', `waive: ${unknown.map((code) => code.slice(0, 60)).join(', ')}: no finding has such a code`);
}

const errorsOf = (report: readonly Judged[]): readonly string[] => [...new Set(report.filter(isError).map(({ code }) => code))];

/** Codes of errors that were accepted by name. */
export const acceptedOf = (report: readonly Judged[], waive: readonly string[]): readonly string[] => errorsOf(report).filter((code) => waive.includes(code));

/** What a stranger publishes is clean, or each finding was accepted by name. @throws Refusal findings */
export function expectClean(report: readonly Judged[], waive: readonly string[]): void {
  const open = errorsOf(report).filter((code) => !waive.includes(code));
  if (open.length)
    throw refuseFindings(`pre-flight found faults: have the applicant mend them (application ask), or accept each by name (waive): ${open.join(', ')}`, report);
}

/** Those that every enrolment may waive: what else was accepted is about pre-flight. */
export const ofEnrolment = (codes: readonly string[]): readonly string[] => codes.filter((code) => (WAIVABLE as readonly string[]).includes(code));
