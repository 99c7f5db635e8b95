import { describe, expect, it } from 'vitest';
import { finding, type FindingCode } from '../../src/federation/entry.js';
import { refused } from '../../src/resolver/refused.js';
import type { Walk, WalkStep } from '../../src/resolver/walk.js';

const definite = (code: FindingCode = 'status_unexpected', where = '') => finding(code, where, '');
const passing = (where = '') => finding('fetch_failed', where, '', true);
const step = (what: WalkStep['what'], of: string, ...findings: WalkStep['findings']): WalkStep => ({ what, of: of.split(' '), findings });
/** What is said of the leaf under ta. */
function said(steps: readonly WalkStep[], superiors: Readonly<Record<string, readonly string[]>> = {}, configured = true) {
  const walk = { steps, chains: [], configuration: configured ? {} : undefined, superiors: new Map(Object.entries(superiors)) };
  const found = refused('leaf', 'ta', walk as unknown as Walk);
  return { verdict: found.state === 'invalid' ? found.error : found.state, codes: found.findings.map(({ code }) => code) };
}

describe('§8.3, §8.9: a subject without a configuration', () => {
  const without = (...steps: readonly WalkStep[]) => said(steps, {}, false).verdict;
  it('its own failure decides, not that of somebody else', () => {
    expect(without(step('configuration', 'leaf', definite()))).toBe('not_found');
    expect(without(step('configuration', 'leaf', definite('expired')))).toBe('invalid_subject');
    expect(without(step('configuration', 'leaf', definite('expired'), definite()))).toBe('not_found');
    expect(without(step('configuration', 'leaf', definite(), passing()))).toBe('unreachable');
    expect(without(step('configuration', 'leaf', definite('expired')), step('configuration', 'ta', passing()))).toBe('invalid_subject');
    expect(without(step('configuration', 'leaf', definite('expired')), step('statement', 'leaf x', passing()))).toBe('invalid_subject');
  });
  it('nothing is known of it: no verdict', () => {
    expect(without()).toBe('unreachable');
    expect(without(step('configuration', 'ta', definite()))).toBe('unreachable');
    expect(without(step('budget', 'leaf', definite('budget_exceeded')))).toBe('unreachable');
  });
  it('twenty findings are told at most', () => {
    const many = Array.from({ length: 30 }, () => definite());
    expect(said([step('configuration', 'leaf', ...many)], {}, false).codes).toHaveLength(20);
  });
});

describe('SE-04: no chain from a subject whose configuration is there', () => {
  it('what went well is no refusal, and hides no failure that may pass', () => {
    const well = [step('configuration', 'ta'), step('statement', 'ta leaf')];
    expect(said([...well, step('configuration', 'dead', passing())], { leaf: ['ta', 'dead'] }).verdict).toBe('unreachable');
    expect(said([...well, step('configuration', 'dead', definite())], { leaf: ['ta', 'dead'] }).verdict).toBe('invalid_trust_chain');
  });
  it('a refusal on the way is not hidden by a failure elsewhere; a failure on the way is no verdict', () => {
    const elsewhere = step('configuration', 'dead', passing());
    expect(said([step('statement', 'ta leaf', definite()), elsewhere], { leaf: ['ta', 'dead'] }).verdict).toBe('invalid_trust_chain');
    expect(said([step('statement', 'a leaf', definite()), step('statement', 'b leaf', passing())], { a: ['ta'], b: ['c'], c: ['ta'] }).verdict).toBe(
      'unreachable',
    );
    expect(said([step('statement', 'a leaf', definite(), passing())], { a: ['ta'] }).verdict).toBe('unreachable');
  });
  it('superiors in a circle come to an end', () => {
    expect(said([step('statement', 'a leaf', passing())], { a: ['b'], b: ['a'] }).verdict).toBe('unreachable');
    expect(said([step('statement', 'a leaf', definite())], { a: ['b'], b: ['a'] }).verdict).toBe('invalid_trust_chain');
  });
  it('a chain counts for the anchor at its end only', () => {
    expect(said([step('chain', 'leaf ta', definite('policy_violation'))]).verdict).toBe('invalid_metadata');
    expect(said([step('chain', 'leaf ta tb', definite('policy_violation'))], { leaf: ['ta'] })).toEqual({
      verdict: 'invalid_trust_chain',
      codes: ['no_chain', 'policy_violation'],
    });
  });
  it('RE-09: metadata is the reason only when each chain fails by it; that there is no chain is told first', () => {
    const policy = step('chain', 'leaf ta', definite('policy_violation'));
    expect(said([policy, step('statement', 'x leaf', definite())])).toEqual({ verdict: 'invalid_metadata', codes: ['policy_violation'] });
    expect(said([policy, step('chain', 'leaf a ta', definite('expired')), step('statement', 'x leaf', definite())])).toEqual({
      verdict: 'invalid_trust_chain',
      codes: ['no_chain', 'policy_violation', 'expired'],
    });
    expect(said([])).toEqual({ verdict: 'invalid_trust_chain', codes: ['no_chain'] });
  });
});
