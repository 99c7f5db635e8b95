import { describe, expect, it } from 'vitest';
import { entityConfigurationUrl, isEntityId, limits, parseEntityId } from '../../src/federation/entry.js';

describe('EI-01: an Entity Identifier is an https URL with a host', () => {
  it.each([
    'https://a.example',
    'https://a.example/',
    'https://a.example:8443/x/y/',
    'https://A.Example/Path',
    'https://a.example/%C3%A9',
    'https://a_b.example/~x',
  ])('%s', (id) => expect(parseEntityId(id)).toEqual({ ok: true, value: id }));
  it.each([
    ['another scheme', 'ftp://a.example'],
    ['http', 'http://a.example'],
    ['a query', 'https://a.example/?x=1'],
    ['an empty query', 'https://a.example?'],
    ['a fragment', 'https://a.example/#x'],
    ['credentials', 'https://user:secret@a.example/'],
    ['no host', 'https:///x'],
    ['a control character', 'https://a.example/\n'],
    ['a leading space', ' https://a.example'],
    ['a backslash', 'https://a.example\\x'],
    ['a bad escape', 'https://a.example/%zz'],
    ['port 0', 'https://a.example:0/'],
    ['port 65536', 'https://a.example:65536/'],
    ['dot segments', 'https://a.example/x/../y'],
    ['escaped dot segments', 'https://a.example/x/%2E%2e/y'],
    ['letters outside ASCII', 'https://bücher.example'],
    ['10 kB', `https://a.example/${'x'.repeat(10_000)}`],
    ['a number', 5],
    ['nothing', undefined],
  ])('%s is refused', (_title, id) =>
    expect(parseEntityId(id)).toMatchObject({ ok: false, findings: [{ code: 'entity_id_invalid', clause: 'OpenID Federation 1.0 §1.2' }] }),
  );
  it.each([
    ['', 'it is empty'],
    ['rp.example.org/x', 'write https://'],
    ['HTTPS://a.example', 'write https'],
    ['Http://localhost', 'write http'],
    ['https://bücher.example/x', 'use its xn-- form, xn--bcher-kva.example'],
    ['https://a.example/bücher', 'percent-encode'],
    ['https://user:secret@a.example/', 'credentials'],
    ['https://a.example/%zz', '"%" that begins no escape'],
    [' https://a.example', 'white space'],
    ['https://a.example/\u200b', 'invisible character'],
    ['https:///x', 'no host'],
    ['mailto:x@a.example', 'not an https URL'],
    ['ftp://a.example', 'not https'],
  ])('%s: the detail names the rule and the mend', (id, words) => {
    const result = parseEntityId(id, { development: true });
    expect(result.ok ? '' : result.findings[0]?.detail).toContain(words);
  });
  it('its length is capped', () => {
    const of = (length: number) => `https://a.example/${'x'.repeat(length - 18)}`;
    expect([limits.MAX_ENTITY_ID_LENGTH - 1, limits.MAX_ENTITY_ID_LENGTH, limits.MAX_ENTITY_ID_LENGTH + 1].map((n) => isEntityId(of(n)))).toEqual([
      true,
      true,
      false,
    ]);
  });
  it('a message never carries the stranger’s control characters', () => {
    const result = parseEntityId('https://a.example/\u001b[31m\u202e?');
    expect(result.ok || result.findings[0]?.detail).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });
});

describe('development identifiers', () => {
  it.each(['http://localhost:8080', 'http://127.0.0.1:1/x', 'http://[::1]:80', 'http://a.localhost'])('%s is accepted in development only', (id) => {
    expect(isEntityId(id, { development: true })).toBe(true);
    expect(isEntityId(id)).toBe(false);
  });
  it.each(['http://a.example', 'http://localhost.example', 'http://10.0.0.1', 'http://128.0.0.1'])('%s is refused even there', (id) =>
    expect(isEntityId(id, { development: true })).toBe(false),
  );
});

describe('WK-03 WK-04 C6 trap 1: the well-known suffix', () => {
  it.each([
    ['https://a.example', 'https://a.example/.well-known/openid-federation'],
    ['https://a.example/', 'https://a.example/.well-known/openid-federation'],
    ['https://a.example/t/1', 'https://a.example/t/1/.well-known/openid-federation'],
    ['https://a.example/t/1/', 'https://a.example/t/1/.well-known/openid-federation'],
    ['https://a.example/t//', 'https://a.example/t//.well-known/openid-federation'],
  ])('%s', (id, url) => expect(entityConfigurationUrl(id)).toBe(url));
});
