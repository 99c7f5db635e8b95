import { describe, expect, it } from 'vitest';
import { homeOf, placeOf, samePlace } from '../../src/federation/place.js';

describe('the place of a URL', () => {
  it.each([
    'https://ta.example.org/fed/list',
    'https://TA.Example.ORG/fed/list',
    'https://ta.example.org:443/fed/list',
    'https://ta.example.org./fed/list',
    'https://TA.example.org.:443/fed/list',
    'http://ta.example.org:443/fed/list',
    'http://ta.example.org:80/fed/list',
    'http://ta.example.org/fed/list?sub=https://x.example/y',
    'https://ta.example.org/fed/list#here',
    'https://ta.example.org:/fed/list',
    'https://ta.example.org/f%65d/list',
  ])('%s is ta.example.org/fed/list', (url) => {
    expect(placeOf(url)).toBe('ta.example.org/fed/list');
    expect(placeOf(url, true), 'development keeps public hosts apart too').toBe('ta.example.org/fed/list');
  });
  it.each([
    'http://localhost/fed/list',
    'http://LOCALHOST:8080/fed/list',
    'http://localhost.:8080/fed/list?sub=x',
    'http://127.0.0.1:8080/fed/list',
    'http://[::1]:443/fed/list',
    'http://[::1]/fed/list',
    'https://main.localhost:8443/fed/list',
  ])('%s: in development loopback hosts are one, and nobody else is', (url) => {
    expect(placeOf(url, true)).toBe('/fed/list');
    expect(placeOf(url)).not.toBe('/fed/list');
  });
  it.each(['http://localhost.example.org/fed/list', 'http://127.0.0.1.example.org/fed/list', 'http://[::2]:8080/fed/list', 'http://0.0.0.0/fed/list'])(
    '%s is no loopback host',
    (url) => expect(placeOf(url, true)).not.toBe('/fed/list'),
  );
  it.each([
    'https://ta.example.org:8443/fed/list',
    'https://ta.example.org:80/fed/list',
    'https://ta.example.org:4430/fed/list',
    'https://ta.example.org/fed/list/',
    'https://ta.example.org/Fed/list',
    'https://ta.example.org../fed/list',
    'https://ta.example.org/fed%2Flist',
    'https://other.example.org/fed/list',
  ])('%s is another', (url) => expect(placeOf(url)).not.toBe('ta.example.org/fed/list'));
  it('addresses, no path at all, a query at once', () => {
    expect(placeOf('https://[2001:DB8::1]:443/x')).toBe('[2001:db8::1]/x');
    expect(placeOf('https://[::443]/x')).toBe('[::443]/x');
    expect(placeOf('https://192.0.2.1:8080')).toBe('192.0.2.1:8080');
    expect(placeOf('https://ta.example.org:443')).toBe('ta.example.org');
    expect(placeOf('https://ta.example.org.')).toBe('ta.example.org');
    expect(placeOf('https://ta.example.org#a/b')).toBe('ta.example.org');
    expect(placeOf('https://ta.example.org/a#b?c/d')).toBe('ta.example.org/a');
    expect(placeOf('https://ta.example.org/a?b#c/d')).toBe('ta.example.org/a');
    expect(placeOf('https://ta.example.org?a=/b')).toBe('ta.example.org');
    expect(placeOf('https://ta.example.org/%2f%C3%a4')).toBe('ta.example.org/%2F%C3%A4');
    expect(placeOf('https://ta.example.org/%7e%41%2D%5f%2e%21%30')).toBe('ta.example.org/~A-_.%210');
  });
  it('EI-03: identifiers stay what they are; some of them cannot be served beside each other', () => {
    for (const [one, other] of [
      ['https://ta.example', 'https://TA.example'],
      ['https://ta.example', 'https://ta.example/'],
      ['https://ta.example', 'https://ta.example:443'],
      ['https://ta.example/a', 'https://ta.example./a/'],
      ['https://ta.example/~a', 'https://ta.example/%7Ea'],
    ] as const)
      expect(samePlace(one, other), other).toBe(true);
    for (const other of ['https://ta.example/b', 'https://ta.example:8443/a', 'https://ta.example/A', 'https://b.example/a'])
      expect(samePlace('https://ta.example/a', other), other).toBe(false);
    expect(samePlace('http://localhost:8080', 'http://127.0.0.1:9090/', true)).toBe(true);
    expect(samePlace('http://localhost:8080', 'https://ta.example', true)).toBe(false);
    expect(samePlace('http://localhost:8080', 'http://127.0.0.1:9090/')).toBe(false);
    expect(homeOf('http://localhost:8080/a')).toBe('localhost:8080/a/.well-known/openid-federation');
    expect(homeOf('http://localhost:8080/a', true)).toBe('/a/.well-known/openid-federation');
    expect(() => homeOf('no URL')).not.toThrow();
  });
});
