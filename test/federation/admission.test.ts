import { describe, expect, it } from 'vitest';
import { coveredUntil, loosenedRules, meetsToo, needsOf, standingOf } from '../../src/operations/accreditations/admission.js';

const NOW = 1000;
const row = (validFrom: number, validUntil: number | null, more: object = {}) => ({ kind: 'k', state: 'in_force' as const, validFrom, validUntil, ...more });
const member = (more: object = {}) =>
  ({ id: 'm', authorityId: 'a', organizationId: null, entityTypes: ['oauth_client'], metadata: {}, sponsor: null, reattestBy: null, ...more }) as never;
const damaged = new Proxy(
  {},
  {
    get() {
      throw new SyntaxError('no JSON');
    },
  },
);

describe('what a member has to have', () => {
  it('is covered for as long as one follows another without a gap; what is pending, withdrawn, to come or unreadable covers nothing', () => {
    expect(coveredUntil([row(0, 2000)], 'k', NOW)).toBe(2000);
    expect(coveredUntil([row(0, 2000), row(1900, 3000), row(3000, 4000), row(4001, 5000)], 'k', NOW)).toBe(4000);
    expect(coveredUntil([row(0, 2000), row(500, null)], 'k', NOW)).toBeNull();
    for (const none of [
      [],
      [row(0, 1000)],
      [row(1001, 2000)],
      [row(0, 2000, { state: 'pending' })],
      [row(0, 2000, { kind: 'x' })],
      [row('x' as never, 2000)],
      [row(0, 'x' as never)],
    ])
      expect(coveredUntil(none, 'k', NOW)).toBeUndefined();
  });

  it('goes by its types and its metadata, and where those are unknown or unreadable by all rules', () => {
    const rules = {
      '*': { accreditations: ['legal_entity'] },
      oauth_client: { sponsor: 'required' as const },
      openid_provider: { accreditations: ['iso27001'] },
    };
    const needs = (entityTypes: unknown, metadata: unknown = {}) => needsOf(rules, { entityTypes, metadata } as never);
    expect(needs(['oauth_client'])).toEqual({ kinds: ['legal_entity'], sponsor: true });
    expect(needs(['oauth_resource'])).toEqual({ kinds: ['legal_entity'], sponsor: false });
    expect(needs(['oauth_resource'], { openid_provider: {} })).toEqual({ kinds: ['iso27001', 'legal_entity'], sponsor: false });
    for (const unknown of [needs([]), needs(damaged)]) expect(unknown).toEqual({ kinds: ['iso27001', 'legal_entity'], sponsor: true });
    expect(needs(['__proto__', 'constructor'])).toEqual({ kinds: ['legal_entity'], sponsor: false });
  });

  it('names all that is missing; a sponsor who cannot be read is none, and an attestation that has ended counts for nothing', () => {
    const needs = { kinds: ['k', 'l'], sponsor: true };
    expect(standingOf(needs, [], member(), NOW)).toEqual({ missing: ['k', 'l', 'sponsor', 'reattestation'], until: null });
    const sponsor = { name: 'n', email: 'e@x' };
    expect(standingOf(needs, [row(0, 2000), row(0, 1500, { kind: 'l' })], member({ sponsor, reattestBy: 1001 }), NOW)).toEqual({ missing: [], until: 1500 });
    expect(standingOf({ kinds: [], sponsor: true }, [], member({ sponsor: damaged, reattestBy: 2000 }), NOW).missing).toEqual(['sponsor']);
    expect(standingOf({ kinds: [], sponsor: false }, [], member({ reattestBy: NOW }), NOW).missing).toEqual(['reattestation']);
  });

  it('is less where somebody gets in who was kept out, whatever name it goes by', () => {
    const strict = { oauth_client: { accreditations: ['a', 'b'], sponsor: 'required' as const } };
    expect(loosenedRules(strict, { oauth_client: { accreditations: ['a'], sponsor: 'required' } })).toEqual(['oauth_client']);
    expect(loosenedRules(strict, { oauth_client: { accreditations: ['b', 'a', 'c'] } })).toEqual(['oauth_client']);
    expect(loosenedRules(strict, { '*': { accreditations: ['a', 'b'], sponsor: 'required' } })).toEqual([]);
    expect(loosenedRules({ '*': { accreditations: ['a'] } }, { oauth_client: { accreditations: ['a'] } })).toEqual(['*']);
    expect(loosenedRules({}, strict)).toEqual([]);
    expect(meetsToo({ kinds: ['a'], sponsor: false }, { kinds: [], sponsor: true })).toBe(false);
  });
});
