import type { Finding } from '../federation/entry.js';

/** A finding with what it means for what was asked: an error stands in its way, a warning goes along with the answer. */
export type Judged = Finding & { readonly severity: 'error' | 'warning' };

/** What a change made, and what is worth knowing about it: scripts are told the same as people. */
export type WithFindings<T> = T & { readonly findings: readonly Judged[] };

export const isError = ({ severity }: Judged): boolean => severity === 'error';
export const asErrors = (findings: readonly Finding[]): readonly Judged[] => findings.map((one) => ({ ...one, severity: 'error' }));
export const asWarnings = (findings: readonly Finding[]): readonly Judged[] => findings.map((one) => ({ ...one, severity: 'warning' }));

/** Keys of a set that are not vouched for, beside the ones that are. */
export const keysLeftOut = (ignored: readonly Finding[]): readonly Judged[] =>
  asWarnings(ignored.map((one) => ({ ...one, detail: `${one.detail}; this key is left out, the others are taken` })));
