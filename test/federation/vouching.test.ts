import { describe, expect, it } from 'vitest';
import {
  inNamespace,
  maySpeakFor,
  type Namespace,
  NAMESPACE_TYPES,
  namespacesOverlap,
  type NamespaceType,
  parseVouchedIssuers,
  VOUCHED_ISSUERS,
  type VouchedIssuer,
  vouchingNarrows,
} from '../../src/federation/entry.js';

const SUB = 'https://idp.example.com';
const space = (type: NamespaceType, value: string, subdomains?: boolean) => ({ type, value, ...(subdomains !== undefined && { subdomains }) }) as Namespace;
const holds = (one: Namespace, value: string, type: NamespaceType = one.type) => inNamespace(one, { type, value });
const parsed = (...list: unknown[]) => parseVouchedIssuers(list, SUB);
const faults = (one: unknown) => {
  const result = parsed(one);
  return result.ok ? [] : result.findings.map(({ code, where }) => `${code} ${where}`);
};
const good = { kind: 'id_jag', namespaces: [space('email_domain', 'example.com')] };

it('an issuer is spelled as one spells it, so that nobody else has the same one in other letters', () => {
  const of = (issuer: string) => faults({ ...good, issuer, jwks_uri: 'https://k.example/keys' });
  for (const issuer of ['https://i.example', 'https://i.example/', 'https://i.example/T', 'https://i.example:8443/t/', 'https://[::1]'])
    expect(of(issuer), issuer).toEqual([]);
  for (const issuer of [
    ...['https://I.example', 'HTTPS://i.example', 'https://i.example:443', 'https://i.example.', 'https://i.example/a/../b', 'https://i.example/%2e%2e/b'],
    ...['https://[0:0:0:0:0:0:0:1]', 'https://0x7f.1', 'https://i.example\\t', 'https://i%2eexample'],
  ])
    expect(of(issuer), issuer).toEqual(['vouching_invalid vouched_issuers/0/issuer']);
});

describe('for whom an issuer may speak', () => {
  it('domains: the exact one, below it only when it says so, by whole labels', () => {
    const [exact, deep] = [space('dns_domain', 'example.com'), space('dns_domain', 'example.com', true)];
    for (const [name, one, other] of [
      ['example.com', true, true],
      ['EXAMPLE.com', true, true],
      ['a.example.com', false, true],
      ['a.b.example.com', false, true],
      ['badexample.com', false, false],
      ['bad-example.com', false, false],
      ['example.com.evil.net', false, false],
      ['com', false, false],
      ['example.com.', false, false],
      ['.example.com', false, false],
      ['a..example.com', false, false],
      ['*.example.com', false, false],
      ['-a.example.com', false, false],
      ['exаmple.com', false, false],
      ['example.com\u0000', false, false],
      ['example.com/x', false, false],
      ['a@example.com', false, false],
      ['', false, false],
      [`${'a.'.repeat(130)}example.com`, false, false],
    ] as const)
      expect([holds(exact, name), holds(deep, name)], JSON.stringify(name)).toEqual([one, other]);
  });
  it('addresses by their domain: one @, no quoting, no literals', () => {
    const one = space('email_domain', 'example.com');
    for (const yes of ['ada@example.com', 'a.b+c@EXAMPLE.COM']) expect(holds(one, yes), yes).toBe(true);
    for (const no of [
      'example.com',
      '@example.com',
      'ada@sub.example.com',
      'ada@example.com@evil.net',
      'ada@evil.net@example.com',
      '"a@evil.net"@example.com',
      'ada@evil.net,x@example.com',
      'Ada <ada@example.com>',
      'ada @example.com',
      'ada@example.com ',
      'ada@[192.0.2.1]',
      'ada@192.0.2.1',
      'ada\n@example.com',
      `${'a'.repeat(65)}@example.com`,
    ])
      expect(holds(one, no), JSON.stringify(no)).toBe(false);
  });
  it('tenants and trust domains exactly, Entity Identifiers at a slash; a name of another type never', () => {
    const [tenant, spiffe, prefix] = [space('tenant', 'AbC-7'), space('spiffe_trust_domain', 'prod.example'), space('entity_id_prefix', 'https://a.example/t')];
    expect(['AbC-7', 'abc-7', 'AbC-7 ', 'AbC-70', ''].map((one) => holds(tenant, one))).toEqual([true, false, false, false, false]);
    for (const yes of ['spiffe://prod.example', 'spiffe://prod.example/ns/a/agent_7']) expect(holds(spiffe, yes), yes).toBe(true);
    for (const no of [
      'prod.example',
      'SPIFFE://prod.example',
      'spiffe://Prod.example/x',
      'spiffe://a.prod.example/x',
      'spiffe://prod.example:8443/x',
      'spiffe://u@prod.example/x',
      'spiffe://prod.example/',
      'spiffe://prod.example//x',
      'spiffe://prod.example/../x',
      'spiffe://prod.example/x?y',
      'spiffe://prod.example/%2e',
    ])
      expect(holds(spiffe, no), no).toBe(false);
    for (const yes of ['https://a.example/t', 'https://a.example/t/', 'https://a.example/t/1']) expect(holds(prefix, yes), yes).toBe(true);
    for (const no of [
      'https://a.example',
      'https://a.example/t2',
      'https://a.example/T/1',
      'https://a.example.evil/t',
      'https://a.example/t/../x',
      'https://a.example/t?x',
      'http://a.example/t',
    ])
      expect(holds(prefix, no), no).toBe(false);
    const host = space('entity_id_prefix', 'https://a.example');
    expect(
      ['https://a.example/x', 'https://a.example:8443/x', 'https://a.example@evil.net', 'https://a.example.evil.net'].map((one) => holds(host, one)),
    ).toEqual([true, false, false, false]);
    for (const type of NAMESPACE_TYPES)
      for (const other of NAMESPACE_TYPES)
        if (other !== type) expect(holds(space(type, 'example.com', type === 'dns_domain' || undefined), 'example.com', other)).toBe(false);
    expect(inNamespace(space('toString' as never, 'x'), { type: 'toString' as never, value: 'x' })).toBe(false);
  });
  it('two that share a name overlap, whichever is the wider; siblings do not', () => {
    for (const [one, other, overlap] of [
      [space('dns_domain', 'example.com'), space('dns_domain', 'example.com'), true],
      [space('dns_domain', 'example.com', true), space('dns_domain', 'a.example.com'), true],
      [space('dns_domain', 'example.com'), space('dns_domain', 'a.example.com', true), false],
      [space('dns_domain', 'a.example.com', true), space('dns_domain', 'b.example.com', true), false],
      [space('dns_domain', 'example.com'), space('email_domain', 'example.com'), false],
      [space('entity_id_prefix', 'https://a.example'), space('entity_id_prefix', 'https://a.example/t'), true],
      [space('entity_id_prefix', 'https://a.example/t'), space('entity_id_prefix', 'https://a.example/t2'), false],
      [space('tenant', 'a'), space('tenant', 'A'), false],
    ] as const) {
      expect(namespacesOverlap(one, other), JSON.stringify([one, other])).toBe(overlap);
      expect(namespacesOverlap(other, one)).toBe(overlap);
    }
  });
});

describe('what is vouched for, as somebody wrote it', () => {
  it('a closed list of kinds and URIs; the member itself, or an issuer whose keys lie somewhere', () => {
    expect(
      parsed({
        ...good,
        namespaces: [space('dns_domain', 'b.example', false), space('dns_domain', 'a.example', true), space('dns_domain', 'a.example', true)],
      }),
    ).toEqual({
      ok: true,
      value: [
        {
          kind: 'id_jag',
          issuer: SUB,
          namespaces: [
            { type: 'dns_domain', value: 'a.example', subdomains: true },
            { type: 'dns_domain', value: 'b.example' },
          ],
        },
      ],
    });
    const elsewhere = { ...good, issuer: 'https://login.example.net/t', jwks_uri: 'https://login.example.net/keys?v=2' };
    for (const one of [elsewhere, { ...good, kind: 'https://kinds.example/x' }, { ...good, kind: 'urn:example:kind' }])
      expect(faults(one), JSON.stringify(one)).toEqual([]);
    for (const [one, where] of [
      [7, '0'],
      [{}, '0/kind'],
      [{ ...good, kind: 'idjag' }, '0/kind'],
      [{ ...good, kind: 'urn: x' }, '0/kind'],
      [{ ...good, kind: '__proto__' }, '0/kind'],
      [{ ...good, more: 1 }, '0/more'],
      [{ ...good, issuer: 'http://login.example.net', jwks_uri: elsewhere.jwks_uri }, '0/issuer'],
      [{ ...elsewhere, issuer: 'https://u:p@login.example.net' }, '0/issuer'],
      [{ ...elsewhere, issuer: 'https://login.example.net?x' }, '0/issuer'],
      [{ ...elsewhere, jwks_uri: undefined }, '0/jwks_uri'],
      [{ ...elsewhere, jwks_uri: 'https://x.example/#k' }, '0/jwks_uri'],
      [{ ...good, jwks_uri: elsewhere.jwks_uri }, '0/jwks_uri'],
      [{ ...good, namespaces: [] }, '0/namespaces'],
      [{ ...good, namespaces: 'x' }, '0/namespaces'],
      [{ ...good, namespaces: [{ type: 'regex', value: '.*' }] }, '0/namespaces/0/type'],
      [{ ...good, namespaces: [{ type: 'email_domain', value: '*.example.com' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'email_domain', value: 'Example.com' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'email_domain', value: 'com' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'email_domain', value: 'a.example', subdomains: 'yes' }] }, '0/namespaces/0/subdomains'],
      [{ ...good, namespaces: [{ type: 'tenant', value: 'x', subdomains: true }] }, '0/namespaces/0/subdomains'],
      [{ ...good, namespaces: [{ type: 'tenant', value: 'a b' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'spiffe_trust_domain', value: 'spiffe://x' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'entity_id_prefix', value: 'https://A.example' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'entity_id_prefix', value: 'https://a.example:443' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'entity_id_prefix', value: 'https://a.example/%41' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'entity_id_prefix', value: 'https://a.example/' }] }, '0/namespaces/0/value'],
      [{ ...good, namespaces: [{ type: 'tenant', value: 'x', more: 1 }] }, '0/namespaces/0/more'],
    ] as const)
      expect(faults(one), JSON.stringify(one)).toEqual([`vouching_invalid vouched_issuers/${where}`]);
    expect(faults({ ...good, namespaces: Array.from({ length: 101 }, (_, n) => space('tenant', `${n}`)) })).toEqual(['too_many vouched_issuers/0/namespaces']);
    expect(parsed(...Array.from({ length: 21 }, () => good)).ok).toBe(false);
    expect(parsed(good, { ...good, namespaces: [space('tenant', 'x')] }), 'one issuer of a kind stands there once').toMatchObject({ ok: false });
    expect(parseVouchedIssuers({ 0: good }, SUB).ok).toBe(false);
  });
  it('narrower is what gives no name, no issuer and no place of keys that was not there', () => {
    const of = (...list: unknown[]) => (parsed(...list) as { value: readonly VouchedIssuer[] }).value;
    const wide = of({ kind: 'id_jag', namespaces: [space('dns_domain', 'example.com', true), space('tenant', 'x')] });
    const narrow = of({ kind: 'id_jag', namespaces: [space('dns_domain', 'a.example.com')] });
    expect([
      vouchingNarrows(wide, narrow),
      vouchingNarrows(narrow, wide),
      vouchingNarrows(wide, []),
      vouchingNarrows([], narrow),
      vouchingNarrows(wide, wide),
    ]).toEqual([true, false, true, false, true]);
    const at = (keys: string) => of({ kind: 'id_jag', issuer: 'https://l.example', jwks_uri: keys, namespaces: [space('tenant', 'x')] });
    expect(vouchingNarrows(at('https://l.example/1'), at('https://l.example/2')), 'other keys may be somebody else’s').toBe(false);
    expect(vouchingNarrows(wide, of({ kind: 'attester', namespaces: [space('tenant', 'x')] }))).toBe(false);
  });
});

describe('maySpeakFor, asked of a validated statement', () => {
  const statement = (said: unknown, sub: unknown = SUB) => ({ iss: 'https://anchor.example', sub, [VOUCHED_ISSUERS]: said });
  const name = { type: 'email_domain', value: 'ada@example.com' } as const;
  const said = { kind: 'id_jag', issuer: SUB, namespaces: [space('email_domain', 'example.com')] };

  it('names the issuers that may, of the kind that is asked for', () => {
    const other = { ...said, issuer: 'https://login.example.net', jwks_uri: 'https://login.example.net/keys' };
    expect(maySpeakFor(statement([said, other]), 'id_jag', name)).toEqual([said, other]);
    expect(maySpeakFor(statement([said]), 'attester', name)).toEqual([]);
    expect(maySpeakFor(statement([said]), 'id_jag', { ...name, value: 'ada@evil.example' })).toEqual([]);
  });
  it('what it does not understand, and whatever is malformed, grants nothing', () => {
    const foreign = { ...said, issuer: 'https://login.example.net' };
    for (const nothing of [
      undefined,
      null,
      {},
      'x',
      [null],
      [7],
      [[]],
      [{ ...said, namespaces: 'example.com' }],
      [{ ...said, namespaces: [{ type: 'regex', value: '.*' }] }],
      [{ ...said, namespaces: [null] }],
      [foreign],
      [{ ...foreign, jwks_uri: 'http://login.example.net/keys' }],
      [{ ...said, only_at_night: true }],
      [{ ...said, kind: ['id_jag'] }],
    ])
      expect(maySpeakFor(statement(nothing), 'id_jag', name), JSON.stringify(nothing)).toEqual([]);
    for (const sub of [null, 7, 'nobody', '']) expect(maySpeakFor(statement([said], sub), 'id_jag', name)).toEqual([]);
    expect(maySpeakFor(Object.create(statement([said])), 'id_jag', name), 'what a prototype has is not said').toEqual([]);
    for (const strange of [undefined, null, 7, ['ada@example.com'], {}])
      expect(maySpeakFor(statement([said]), 'id_jag', { type: 'email_domain', value: strange as never })).toEqual([]);
    const later = { ...said, namespaces: [{ type: 'of_a_later_version', value: 'x' }, ...said.namespaces] };
    expect(maySpeakFor(statement([later]), 'id_jag', name), 'the rest of it is understood').toHaveLength(1);
  });
});
