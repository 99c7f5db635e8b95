import { failure, type Finding } from './finding.js';
import { MAX_FINDINGS } from './limits.js';

/** A stranger's name as part of a place: short, on one line, without control or bidirectional characters. */
const segment = (name: string | number): string =>
  typeof name === 'number' ? String(name) : (name.length > 80 ? `${name.slice(0, 80)}…` : name).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');

/** Join names into the place of a finding; those that strangers chose are cut and cleaned. */
export const findingPlace = (...names: readonly PropertyKey[]): string => names.map((name) => segment(typeof name === 'symbol' ? '?' : name)).join('/');

/** Findings as they are met, up to `MAX_FINDINGS`: whoever collects asks `full` and stops looking. */
export class Findings {
  readonly all: Finding[] = [];
  get full(): boolean {
    return this.all.length >= MAX_FINDINGS;
  }
  add(...more: readonly Finding[]): void {
    for (const one of more) if (!this.full) this.all.push(one);
  }
}

/** A failure of at most `MAX_FINDINGS` findings. */
export const failures = (findings: readonly Finding[]) => failure(...findings.slice(0, MAX_FINDINGS));
