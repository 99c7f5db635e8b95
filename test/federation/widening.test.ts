import { expect, it } from 'vitest';
import { constraintsNarrow, loosens, widenedBy } from '../../src/operations/deciding/widening.js';
import type { MemberRow } from '../../src/operations/registry.js';

const row = (set: Partial<MemberRow>): MemberRow =>
  ({
    entityTypes: ['openid_provider', 'openid_relying_party'],
    intermediate: true,
    jwks: {
      keys: [
        { kty: 'EC', kid: 'a', x: 'a' },
        { kty: 'EC', kid: 'b', x: 'b' },
      ],
    },
    constraints: { max_path_length: 1 },
    metadata: {},
    claims: {},
    crit: [],
    statementLifetime: 3600,
    validUntil: 1000,
    organizationId: null,
    ...set,
  }) as unknown as MemberRow;

it('a change of a member narrows only where that is sure: everything else takes two', () => {
  const key = (kid: string, x: string) => ({ kty: 'EC', kid, x });
  const narrower: Partial<MemberRow>[] = [
    { validUntil: 999 },
    { statementLifetime: 60 },
    { entityTypes: ['openid_provider'] },
    { intermediate: false },
    { jwks: { keys: [key('a', 'a')] } as never },
    { constraints: { max_path_length: 0, naming_constraints: { excluded: ['.example'] }, allowed_entity_types: [] } },
    { ecLocation: 'https://x.example' },
  ];
  const wider: Partial<MemberRow>[] = [
    { validUntil: null },
    { validUntil: 1001 },
    { statementLifetime: 7200 },
    { statementLifetime: null },
    { entityTypes: [] },
    { entityTypes: ['openid_provider', 'oauth_resource'] },
    { jwks: { keys: [key('c', 'c')] } as never },
    // Another key under a kid that is known.
    { jwks: { keys: [key('a', 'c')] } as never },
    { constraints: {} },
    { metadata: { openid_provider: { scope: 'x' } } as never },
    { claims: { x: 1 } },
    { organizationId: 'org_1' },
  ];
  for (const set of narrower) expect([set, widenedBy(row({}), row(set))]).toEqual([set, []]);
  for (const set of wider) expect([set, widenedBy(row({}), row(set)).length]).toEqual([set, 1]);
  expect(widenedBy(row({ intermediate: false }), row({ intermediate: true }))).toEqual(['intermediate']);
});

it('constraints narrow when whatever they let through passed before', () => {
  const naming = (permitted?: string[], excluded?: string[]) => ({ naming_constraints: { ...(permitted && { permitted }), ...(excluded && { excluded }) } });
  expect(constraintsNarrow({}, naming(['a'], ['b']))).toBe(true);
  expect(constraintsNarrow(naming(['a', 'b']), naming(['a']))).toBe(true);
  expect(constraintsNarrow(naming(['a']), naming(['a', 'c']))).toBe(false);
  expect(constraintsNarrow(naming(['a']), {})).toBe(false);
  expect(constraintsNarrow(naming(undefined, ['a']), naming(undefined, ['b']))).toBe(false);
  expect(constraintsNarrow({ allowed_entity_types: [] }, {})).toBe(false);
  expect(constraintsNarrow({}, { some_extension: 1 })).toBe(false);
});

it('a policy tightens when each operator stays and what is added only refuses', () => {
  const rules = (scope: object, more: object = {}) => ({ policy: { openid_relying_party: { scope } }, crit: [], constraints: {}, ...more }) as never;
  expect(loosens(undefined, rules({ subset_of: ['a'] }))).toBe(false);
  expect(loosens(undefined, rules({ essential: true, one_of: ['a'] }))).toBe(false);
  expect(loosens(undefined, rules({ essential: false }))).toBe(true);
  for (const adds of [{ value: 'a' }, { add: ['a'] }, { default: 'a' }, { of_ours: 1 }]) expect([adds, loosens(undefined, rules(adds))]).toEqual([adds, true]);
  expect(loosens(rules({ subset_of: ['a'] }), rules({ subset_of: ['a', 'b'] }))).toBe(true);
  expect(loosens(rules({ subset_of: ['a'] }), { policy: {}, crit: [], constraints: {} })).toBe(true);
  expect(loosens(rules({}, { constraints: { max_path_length: 1 } }), rules({}, { constraints: {} }))).toBe(true);
  expect(loosens(rules({}, { crit: ['of_ours'] }), rules({}))).toBe(true);
});
