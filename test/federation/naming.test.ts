import { describe, expect, it } from 'vitest';
import { isDomainName, matchingName, readDomainName } from '../../src/federation/naming.js';

/** A name of so many characters, in labels. */
const long = (length: number) =>
  'a.'
    .repeat(Math.ceil(length / 2))
    .slice(0, length - 1)
    .concat('b');

describe('CO-05: names as §6.2.2 has them', () => {
  it.each(['example.com', '.example.com', 'EXAMPLE.com', 'localhost', '.com', 'a', '_a.b_', 'a-b.c', '1.2.3.4', 'x--y.example'])('%s is one', (name) =>
    expect(isDomainName(name)).toBe(true),
  );
  it.each(['', '.', '..', '..a', 'a.', 'a..b', '-a.b', 'a-.b', 'a.-b', 'a.b-', '*.a', 'a b', 'a/b', 'https://a', 'a:443', 'ä.de', 'a\n', '\na', 'a.b.', ' a'])(
    '%j is none',
    (name) => expect(isDomainName(name)).toBe(false),
  );
  it.each([5, null, undefined, ['a'], { a: 1 }])('%j is no text', (name) => {
    expect(isDomainName(name)).toBe(false);
    expect(readDomainName(name)).toBeUndefined();
  });
  it('254 characters at most', () => {
    expect([253, 254, 255].map((length) => isDomainName(long(length)))).toEqual([true, true, false]);
    expect([253, 254, 255].map((length) => readDomainName(long(length))?.length)).toEqual([253, 254, undefined]);
    expect(readDomainName(`https://${long(254)}/`)).toBe(long(254));
  });
});

describe('CO-05: names as others have written them', () => {
  it.each([
    ['example.com', 'example.com'],
    ['Example.COM', 'example.com'],
    ['.Example.com', '.example.com'],
    ['*.example.com', '.example.com'],
    ['https://example.com', 'example.com'],
    ['HTTP://example.com/', 'example.com'],
    ['https://.example.com', '.example.com'],
    ['https://*.example.com./', '.example.com'],
    ['example.com.', 'example.com'],
  ])('%s is %s', (text, name) => expect(readDomainName(text)).toBe(name));
  it.each([
    '*',
    '*.',
    '*example.com',
    'a*.example.com',
    'xhttps://example.com',
    'a.*.com',
    '*.*.com',
    '..example.com',
    'example.com..',
    'example.com//',
    'https://example.com/a',
    'ftp://example.com',
    'https//example.com',
    'x https://example.com',
    '.',
    '/',
    'https://',
  ])('%s is none', (text) => expect(readDomainName(text)).toBeUndefined());
});

describe('CO-07: which name a host matches', () => {
  const match = (host: string, ...names: string[]) => matchingName(host, new Set(names));
  it('itself, or what stands behind one of its dots', () => {
    expect(match('a.b.example', 'a.b.example')).toBe('a.b.example');
    expect(match('a.b.example', '.b.example')).toBe('.b.example');
    expect(match('a.b.example', '.example')).toBe('.example');
    expect(match('a.b.example', '.example', '.b.example', 'a.b.example')).toBe('a.b.example');
    expect(match('a.b.example', '.example', '.b.example')).toBe('.b.example');
  });
  it('not what is longer, shorter, beside it, or without a dot in front', () => {
    for (const name of ['.a.b.example', 'b.example', 'example', 'x.b.example', '.x.b.example', '.c.example', '', '.'])
      expect(match('a.b.example', name), name).toBeUndefined();
    expect(match('b.example', '.b.example')).toBeUndefined();
    expect(match('ab.example', '.b.example', 'b.example', '.ab.example')).toBeUndefined();
    expect(match('localhost', '.localhost')).toBeUndefined();
    expect(match('a.example')).toBeUndefined();
  });
});
