import { applyMetadataPolicyToMetadata, combineMetadataPolicies as combineOfOthers } from '@openid-federation/core';
import { expect, it } from 'vitest';
import {
  combineMetadataPolicies,
  type Entitlement,
  entitlementPolicy,
  entitlementsNarrow,
  parseEntitlements,
  resolveMetadata,
  unreadable,
  withEntitlements,
} from '../../src/federation/entry.js';
import { applyMetadataPolicy } from '../../src/federation/metadata-policy/apply.js';

const scope = (value: string): Entitlement => ({ kind: 'scope', value });
const resource = (value: string): Entitlement => ({ kind: 'resource', value });
const grant = (value: string): Entitlement => ({ kind: 'grant_type', value });
const details = (value: string, template?: object): Entitlement => ({
  kind: 'authorization_details_type',
  value,
  ...(template && { template: { ...template } }),
});

const parsed = (value: unknown) => {
  const result = parseEntitlements(value);
  return result.ok ? result.value : result.findings.map(({ code, where }) => `${code} ${where}`);
};
let deep: object = {};
for (let n = 0; n < 100; n++) deep = { deep };

it('a list of entitlements is sized, and each entry is refused with its place', () => {
  expect(parsed([scope('b'), scope('a'), details('pay', { actions: ['read'] }), details('pay')])).toEqual([
    details('pay'),
    details('pay', { actions: ['read'] }),
    scope('a'),
    scope('b'),
  ]);
  const refused: [unknown, string][] = [
    ['no list', 'entitlement_invalid entitlements'],
    [Array.from({ length: 10_000 }, (_, n) => scope(`s${n}`)), 'too_many entitlements'],
    [Array.from({ length: 200 }, (_, n) => scope(`${n}${'x'.repeat(200)}`)), 'too_large entitlements'],
    ...['', 'a b', 'a"b', 'a\\b', 'a\nb', 'ä', 'x'.repeat(257)].map((value): [unknown, string] => [[scope(value)], 'entitlement_invalid entitlements/0/value']),
    ...['x', 'a b', 'https://x.example/#f', 'https://u:p@x.example', '/relative', 7 as never].map((value): [unknown, string] => [
      [resource(value)],
      'entitlement_invalid entitlements/0/value',
    ]),
    [[details('a\nb')], 'entitlement_invalid entitlements/0/value'],
    [[{ kind: 'toString', value: 'x' }], 'entitlement_invalid entitlements/0/kind'],
    [[{ kind: 'scope', value: 'x', until: 1 }], 'entitlement_invalid entitlements/0/until'],
    [[null], 'entitlement_invalid entitlements/0'],
    [[{ kind: 'scope', value: 'x', template: {} }], 'entitlement_invalid entitlements/0/template'],
    [[details('pay', { type: 'other' })], 'entitlement_invalid entitlements/0/template'],
    [[details('pay', deep)], 'entitlement_invalid entitlements/0/template'],
    [[details('pay', { text: 'x'.repeat(4096) })], 'entitlement_invalid entitlements/0/template'],
    [[details('pay', { most: 2 ** 60 })], 'entitlement_invalid entitlements/0/template'],
    [[scope('a'), scope('b'), scope('a')], 'entitlement_invalid entitlements/2'],
  ];
  for (const [list, finding] of refused) expect([JSON.stringify(list).slice(0, 60), parsed(list)]).toEqual([JSON.stringify(list).slice(0, 60), [finding]]);
});

const LIST = [scope('read'), scope('write'), resource('https://tools.example/mcp'), details('pay', { actions: ['initiate'] })];
/** The metadata of a client under the policies of its chain, the Trust Anchor's first. */
function resolved(policies: readonly object[], own: object, type = 'oauth_client') {
  const merged = combineMetadataPolicies(policies);
  if (!merged.ok) return merged.findings.map(({ code, where }) => `${code} ${where}`);
  const applied = applyMetadataPolicy(merged.value, { [type]: own });
  return applied.ok ? applied.value[type] : applied.findings.map(({ code, where }) => `${code} ${where}`);
}

it('MP-12 MP-16 MP-20 MP-24 a client that says nothing gets its entitlement, one that asks for less gets less, one that asks for more is cut', () => {
  const policy = entitlementPolicy(LIST, 'client');
  const given = {
    allowed_resources: ['https://tools.example/mcp'],
    authorization_details_types: ['pay'],
    authorization_details_templates: [{ type: 'pay', actions: ['initiate'] }],
    token_endpoint_auth_method: 'private_key_jwt',
  };
  for (const type of ['oauth_client', 'openid_relying_party']) {
    expect(resolved([policy], {}, type)).toEqual({ scope: 'read write', ...given });
    expect(resolved([policy], { scope: 'write', allowed_resources: [], token_endpoint_auth_method: 'none' }, type)).toEqual({
      scope: 'write',
      ...given,
      allowed_resources: [],
    });
    expect(resolved([policy], { scope: 'admin write read', authorization_details_types: ['pay', 'all'], authorization_details_templates: [] }, type)).toEqual({
      scope: 'write read',
      ...given,
    });
  }
  // Nothing of it left: the standard keeps the empty value, and it counts as present.
  expect(resolved([policy], { scope: 'admin' })).toMatchObject({ scope: '' });
  // Entitled to nothing is not without limit.
  expect(resolved([entitlementPolicy([], 'client')], { scope: 'admin', allowed_resources: ['https://x.example'] })).toMatchObject({
    scope: '',
    allowed_resources: [],
    authorization_details_types: [],
    authorization_details_templates: [],
  });
  // How it asks is limited only where grant types are listed; then it has to say them.
  const grants = entitlementPolicy([grant('client_credentials')], 'client');
  expect(resolved([grants], { grant_types: ['client_credentials', 'implicit'] })).toMatchObject({ grant_types: ['client_credentials'] });
  expect(resolved([grants], {})).toEqual(['policy_violation metadata/oauth_client/grant_types']);
  // MP-33: of what is no client nothing changes.
  expect(resolved([policy], { issuer: 'https://op.example' }, 'openid_provider')).toEqual({ issuer: 'https://op.example' });
});

it('MP-02 MP-21 a superior cannot give what it has not got: three levels merge to the intersection, and say so to no default above', () => {
  const ceiling = entitlementPolicy([scope('read'), scope('list'), resource('https://tools.example/mcp'), details('pay')], 'superior');
  const generous = entitlementPolicy([...LIST, scope('admin'), resource('https://other.example')], 'client');
  const both = [ceiling, ceiling, generous];
  expect(resolved(both, {})).toMatchObject({ scope: 'read', allowed_resources: ['https://tools.example/mcp'], authorization_details_types: ['pay'] });
  expect(resolved(both, { scope: 'admin' }), 'MP-16: the standard keeps what is empty').toMatchObject({ scope: '' });
  expect(resolved([ceiling], {}), 'an intermediate that limits nobody: the scope has to be said').toEqual(['policy_violation metadata/oauth_client/scope']);
  expect(JSON.stringify(ceiling)).not.toMatch(/"(default|value)"/);
  // Where the level above uses what does not merge, the chain is invalid.
  expect(resolved([generous, entitlementPolicy([scope('read')], 'client')], {})).toEqual(
    expect.arrayContaining([expect.stringMatching(/^policy_merge .*scope/)]),
  );
});

it('entitlements go into the policy of the authority by the standard’s merge; what contradicts it is found with its place', () => {
  const policy = {
    oauth_client: {
      scope: { subset_of: ['read', 'list'] },
      contacts: { essential: true },
      client_name: { regexp: '^A' },
      token_endpoint_auth_method: { one_of: ['private_key_jwt', 'none'], regexp: 'x' },
    },
    openid_provider: { issuer: { essential: true } },
  };
  const merged = withEntitlements(policy, LIST, 'client');
  if (!merged.ok) throw new Error(JSON.stringify(merged.findings));
  expect(merged.value).toMatchObject({
    oauth_client: {
      scope: { default: 'read write', subset_of: ['read'], essential: true },
      contacts: { essential: true },
      client_name: { regexp: '^A' },
      token_endpoint_auth_method: { one_of: ['private_key_jwt', 'none'], value: 'private_key_jwt', regexp: 'x' },
    },
    openid_provider: { issuer: { essential: true } },
  });
  for (const [operators, code] of [
    [{ scope: { default: 'read' } }, 'policy_merge'],
    [{ scope: { one_of: ['read'] } }, 'policy_combination'],
    [{ scope: { superset_of: ['openid'] } }, 'policy_combination'],
    [{ scope: { value: 'read admin' } }, 'policy_combination'],
    [{ token_endpoint_auth_method: { value: 'tls_client_auth' } }, 'policy_merge'],
    [{ allowed_resources: { value: null } }, 'policy_combination'],
  ] as const) {
    const result = withEntitlements({ oauth_client: operators }, LIST, 'client');
    const place = `entitlements oauth_client/${Object.keys(operators)[0]}`;
    expect([JSON.stringify(operators), result.ok || result.findings.map(({ code: found, where }) => [found, where])]).toEqual([
      JSON.stringify(operators),
      [[code, place]],
    ]);
  }
});

it('what is narrower is told for sure: everything else takes two', () => {
  const all = [...LIST, grant('client_credentials'), grant('refresh_token')];
  const without = (...gone: Entitlement[]) => all.filter((one) => !gone.includes(one));
  const narrower: [Entitlement[] | undefined, Entitlement[] | undefined][] = [
    [undefined, all],
    [undefined, undefined],
    [all, [...all].reverse()],
    [all, [grant('client_credentials')]],
    [LIST, [scope('read'), grant('client_credentials')]],
    [[details('pay')], [details('pay', { actions: ['read'] })]],
    [[], []],
  ];
  const wider: typeof narrower = [
    [all, undefined],
    [[], undefined],
    [[], [scope('read')]],
    [all, [...all, scope('admin')]],
    [[details('pay', { actions: ['read'] })], [details('pay')]],
    [[details('pay', { actions: ['read'] })], [details('pay', { actions: ['write'] })]],
    [[scope('pay')], [resource('pay')]],
    // Without a grant type listed none is limited.
    [all, without(...all.filter(({ kind }) => kind === 'grant_type'))],
    [all, []],
  ];
  for (const [before, after] of narrower) expect([before, after, entitlementsNarrow(before, after)]).toEqual([before, after, true]);
  for (const [before, after] of wider) expect([before, after, entitlementsNarrow(before, after)]).toEqual([before, after, false]);
});

it('code that is not ours merges and applies it to the same scopes, but that it does not split the text of scope itself (MP-24)', () => {
  const about = (metadata_policy: object) => ({ metadata_policy }) as never;
  const ceiling = entitlementPolicy([scope('read'), scope('list'), resource('https://tools.example/mcp'), details('pay')], 'superior');
  // It has no rule for `scope`, so here its values are given as the list they stand for.
  const split = (policy: ReturnType<typeof entitlementPolicy>) =>
    Object.fromEntries(
      Object.entries(policy).map(([type, { scope: rules, token_endpoint_auth_method: _, ...more }]) => [
        type,
        { ...more, scope: { ...rules, ...(typeof rules?.['default'] === 'string' && { default: rules['default'].split(' ') }) } },
      ]),
    );
  for (const asked of [undefined, ['read'], ['admin', 'read', 'write']]) {
    const { mergedPolicy } = combineOfOthers({ statements: [about(split(ceiling)), about(split(entitlementPolicy(LIST, 'client')))] });
    const { resolvedLeafMetadata } = applyMetadataPolicyToMetadata({
      leafMetadata: { oauth_client: { ...(asked && { scope: asked }) } } as never,
      policyMetadata: mergedPolicy as never,
    });
    const theirs = (resolvedLeafMetadata as { oauth_client: Record<string, unknown> }).oauth_client;
    const ours = resolved([ceiling, entitlementPolicy(LIST, 'client')], { ...(asked && { scope: asked.join(' ') }) }) as Record<string, unknown>;
    expect({ ...theirs, scope: (theirs['scope'] as string[]).join(' '), token_endpoint_auth_method: 'private_key_jwt' }).toEqual(ours);
    expect(ours['scope']).toBe('read');
  }
});

it('a resolver answers the scope of the whole chain', () => {
  const claims = (iss: string, sub: string, more: object) => ({ iss, sub, iat: 1, exp: 2, jwks: { keys: [] }, ...more });
  const [leaf, middle, anchor] = ['https://leaf.example', 'https://middle.example', 'https://anchor.example'];
  const chain = [
    claims(leaf, leaf, { metadata: { oauth_client: { scope: 'read write admin' } } }),
    claims(middle, leaf, { metadata_policy: entitlementPolicy([scope('read'), scope('admin')], 'client') }),
    claims(anchor, middle, { metadata_policy: entitlementPolicy([scope('read'), scope('write')], 'superior') }),
    claims(anchor, anchor, {}),
  ];
  const result = resolveMetadata(chain as never);
  expect(result.ok && result.value['oauth_client']?.['scope']).toBe('read');
});

it('what is merged is one policy of one statement: its limits hold for all of it, and nobody signs what nobody reads', () => {
  const policy = (n: number) => ({ openid_provider: Object.fromEntries(Array.from({ length: n }, (_, m) => [`p${m}`, { essential: false }])) });
  const own = Object.values(entitlementPolicy([], 'client')).reduce((sum, parameters) => sum + Object.keys(parameters).length, 0);
  const merged = (n: number) => {
    const result = withEntitlements(policy(n), [], 'client');
    return result.ok || result.findings.map(({ code, where }) => `${code} ${where}`);
  };
  expect([merged(200 - own), merged(201 - own)]).toEqual([true, ['too_many entitlements metadata_policy']]);
  const values = (n: number) => unreadable({ a: Array.from({ length: n }, () => 0) })?.code;
  expect([values(9_998), values(10_000), unreadable({ a: '\u7d04'.repeat(70_000) })?.code]).toEqual([undefined, 'too_many', 'too_large']);
});
