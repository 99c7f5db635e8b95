import { describe, expect, it } from 'vitest';
import { entityConfigurationUrl, isEntityId, limits, parseEntityId } from '../../src/federation/entry.js';
import { isLoopbackHost } from '../../src/federation/entity-id.js';

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
  const NO_URL = 'is not an https URL with a host';
  const ODD = `${NO_URL}: it holds a character that URLs do not have, or a host that is none`;
  it.each([
    [5, 'it is not a string'],
    ['https://a.example/#x', '"https://a.example/#x" has a fragment'],
    ['https://a.example/?x=1', '"https://a.example/?x=1" has a query'],
    ['http://a.example', '"http://a.example" is not https'],
    ['https://a.example:0', '"https://a.example:0" has an impossible port'],
    ['https://a.example:00000/x', '"https://a.example:00000/x" has an impossible port'],
    ['https://a.example:65536', '"https://a.example:65536" has an impossible port'],
    ['https://a.example:99999/x', '"https://a.example:99999/x" has an impossible port'],
    ['https://a.example/x/%2e%2E/y', '"https://a.example/x/%2e%2E/y" has a dot segment in its path'],
    ['https://a.example/.', '"https://a.example/." has a dot segment in its path'],
    ['https://a.example/x/..', '"https://a.example/x/.." has a dot segment in its path'],
    ['https://a.example/\t', '"https://a.example/?" holds white space or an invisible character'],
    ['rp.example.org', '"rp.example.org" has no scheme: write https:// in front'],
    ['rp.example.org:8443', '"rp.example.org:8443" has no scheme: write https:// in front'],
    ['rp.example.org:8443/x', '"rp.example.org:8443/x" has no scheme: write https:// in front'],
    ['9.bücher.example/x', '"9.bücher.example/x" has no scheme: write https:// in front'],
    ['localhost', `"localhost" ${NO_URL}`],
    ['-a.example/x', `"-a.example/x" ${NO_URL}`],
    ['a.ex!mple', `"a.ex!mple" ${NO_URL}`],
    ['a.example:x/', `"a.example:x/" ${NO_URL}`],
    ['a.example:/', `"a.example:/" ${NO_URL}`],
    ['mailto:x@a.example', `"mailto:x@a.example" ${NO_URL}`],
    ['(https://a.example', `"(https://a.example" ${NO_URL}`],
    ['xhttps://a.example', '"xhttps://a.example" is not https'],
    ['httpsx://a.example', '"httpsx://a.example" is not https'],
    ['XHTTPS://a.example', '"XHTTPS://a.example" is not https'],
    ['HTTPSX://a.example', '"HTTPSX://a.example" is not https'],
    ['HTTPS://a.example', '"HTTPS://a.example" writes its scheme as "HTTPS": identifiers are compared byte for byte, write https'],
    ['HtTp://a.example', '"HtTp://a.example" writes its scheme as "HtTp": identifiers are compared byte for byte, write http'],
    ['http://u@a.example', '"http://u@a.example" has credentials'],
    ['https://a.example/u@b', 'ok'],
    ['https://b\u00fc^.example', '"https://bü^.example" has a host with characters outside ASCII: use its xn-- form'],
    ['https://\uff41.example', '"https://ａ.example" has a host with characters outside ASCII: use its xn-- form'],
    ['https://bücher.example', '"https://bücher.example" has a host with characters outside ASCII: use its xn-- form, xn--bcher-kva.example'],
    ['https://a.example/bücher', '"https://a.example/bücher" has a path with characters outside ASCII: percent-encode them'],
    ['https://a.example/%4z', '"https://a.example/%4z" has a "%" that begins no escape'],
    ['https://a.example/%', '"https://a.example/%" has a "%" that begins no escape'],
    ['https:///x', '"https:///x" has no host'],
    ['https://:443/x', '"https://:443/x" has no host'],
    ['https://a.example/{', `"https://a.example/{" ${ODD}`],
    ['https://a.example:port/', `"https://a.example:port/" ${ODD}`],
    ['https://a.example:123456/', `"https://a.example:123456/" ${ODD}`],
    ['https://-a.example/', `"https://-a.example/" ${ODD}`],
    ['https://[1::2::3]/', `"https://[1::2::3]/" ${ODD}`],
    ['https://1.2.3.256/', `"https://1.2.3.256/" ${ODD}`],
  ])('%s: %s', (id, detail) => {
    const result = parseEntityId(id);
    expect(result.ok ? 'ok' : result.findings.map((one) => one.detail).join()).toBe(detail);
  });
  it.each([
    'https://a.example:1',
    'https://a.example:65535/',
    'https://a.example:00443/x',
    'https://[2001:db8::1]:8443/x',
    'https://10.0.0.1',
    'https://9.example',
  ])('%s is one', (id) => expect(isEntityId(id)).toBe(true));
  it.each(['https://a.example/...', 'https://a.example/.x/x./..x', 'https://a.example/%2e%2e%2e', "https://a.example/-._~!$&'()*+,;=:@/%0a"])(
    '%s has no dot segment',
    (id) => expect(isEntityId(id)).toBe(true),
  );
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
  it.each(['LOCALHOST', 'localhost.', 'a.b.localhost', '127.0.0.1', '127.255.10.100.', '[::1]'])('%s is loopback', (host) =>
    expect(isLoopbackHost(host)).toBe(true),
  );
  it.each(['localhost.example', 'xlocalhost', 'x127.0.0.1', '127.0.0', '127.0.0.1.example', '127.0.0.1000', '128.0.0.1', '[::2]', '[::1]x', ''])(
    '%s is not',
    (host) => expect(isLoopbackHost(host)).toBe(false),
  );
  it('the refusal says what the mode accepts', () =>
    expect(parseEntityId('http://a.example', { development: true })).toMatchObject({
      ok: false,
      findings: [{ detail: '"http://a.example" is not https (development mode accepts http for loopback hosts only)' }],
    }));
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
