import { describe, expect, it } from 'vitest';
import { uiInfosOf } from '../../src/federation/entry.js';

const shown = (parameters: Record<string, unknown>, type = 'openid_provider', development = false) => uiInfosOf({ [type]: parameters }, { development })[type];

describe('what a person is shown of a stranger (Entity Collection draft 00, UI Infos)', () => {
  it('informational metadata of §5.2.2 in every language, by Entity Type; nothing else, and no addresses', () => {
    const metadata = {
      federation_entity: {
        organization_name: 'KIT',
        organization_uri: 'https://kit.example/',
        contacts: ['a@kit.example'],
        federation_fetch_endpoint: 'https://kit.example/fetch',
      },
      openid_provider: {
        display_name: 'KIT',
        'display_name#de': 'Karlsruher Institut',
        'display_name#ja-Kana-JP': 'カールスルーエ',
        'display_name#': 'x',
        'display_name#de#en': 'x',
        'display_name#<b>': 'x',
        logo_uri: 'https://kit.example/logo.svg?size=2',
        keywords: ['research', 'research', ' ', 7],
        issuer: 'https://kit.example',
        jwks: { keys: [] },
      },
    };
    expect(uiInfosOf(metadata)).toEqual({
      federation_entity: { organization_name: 'KIT', organization_uri: 'https://kit.example/' },
      openid_provider: {
        display_name: 'KIT',
        'display_name#de': 'Karlsruher Institut',
        'display_name#ja-Kana-JP': 'カールスルーエ',
        logo_uri: 'https://kit.example/logo.svg?size=2',
        keywords: ['research'],
      },
    });
  });
  it('a client is shown by its own name where it has no display_name, language by language', () => {
    const names = { client_name: 'App', 'client_name#de': 'Anwendung' };
    expect(shown(names, 'openid_relying_party')).toEqual({ display_name: 'App', 'display_name#de': 'Anwendung' });
    expect(shown({ ...names, display_name: 'The app' }, 'oauth_client')).toEqual({ display_name: 'The app', 'display_name#de': 'Anwendung' });
    expect(shown({ resource_name: 'API' }, 'oauth_resource')).toEqual({ display_name: 'API' });
    expect(shown(names, 'openid_provider')).toBeUndefined();
  });
  it('text that turns a line around, hides or breaks it is cleaned; what is left of scripts that need joiners stays', () => {
    for (const [dirty, clean] of [
      ['Bank\u202egnp.exe', 'Bankgnp.exe'],
      ['A\u2066B\u2069C\u200e\u061cD', 'ABCD'],
      ['a\r\nb\tc\u0000d\u2028e\u00a0\u3000f', 'a b c d e f'],
      ['zero\u200bwidth\ufeff\u00ad', 'zerowidth'],
      ['tag\u{e0041}\u{e007f}', 'tag'],
      ['می\u200cخواهم', 'می\u200cخواهم'],
      ['half \ud800 pair', 'half pair'],
      ['private \ue000\u{10fffd}use', 'private use'],
      ['<b>&"', '<b>&"'],
    ] as const)
      expect(shown({ display_name: dirty })?.['display_name'], JSON.stringify(dirty)).toBe(clean);
    for (const none of ['', ' \u200b ', null, 7, ['x'], {}, '\u202e']) expect(shown({ display_name: none })).toBeUndefined();
  });
  it('lengths are cut between characters, and an entity has so much room in all, whatever it sends', () => {
    const long = shown({ display_name: '💥'.repeat(5000), description: 'd'.repeat(100_000) });
    expect([...String(long?.['display_name'])]).toHaveLength(200);
    expect(String(long?.['display_name'])).toMatch(/^(💥)+…$/u);
    expect(long?.['description']).toHaveLength(1000);
    const many = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [`type_${n}`, Object.fromEntries(Array.from({ length: 50 }, (__, k) => [`description#x-${k}`, 'é'.repeat(900)]))]),
    );
    expect(JSON.stringify(uiInfosOf(many)).length).toBeLessThan(5000);
    const languages = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`display_name#a${String.fromCharCode(97 + (n % 26))}-x${n}`, 'n']));
    expect(Object.keys(shown({ ...languages, display_name: 'first' }) ?? {})).toHaveLength(21);
    expect(shown({ ...languages, display_name: 'first' })).toMatchObject({ display_name: 'first' });
    expect(shown({ keywords: Array.from({ length: 1000 }, (_, n) => `${n}${'k'.repeat(1000)}`) })?.['keywords']).toHaveLength(20);
  });
  it('URLs are https alone, in development loopback too; no credentials, no scripts, nothing that leaves an attribute', () => {
    for (const bad of [
      'http://kit.example/l.svg',
      'javascript:alert(1)',
      'data:image/svg+xml,<svg onload=alert(1)>',
      'https://kit.example@evil.example/',
      'https://a:b@kit.example/',
      'https://kit.example/"onerror=x',
      'https://kit.example/<script>',
      'https://kit.example/a b',
      'https://kit.example/\u202e',
      'https://kit.example/\n',
      '//kit.example/x',
      '/x',
      'https://',
      'https://[::1',
      `https://kit.example/${'x'.repeat(2100)}`,
      ['https://kit.example/'],
    ])
      expect(shown({ logo_uri: bad }), String(bad)).toBeUndefined();
    const local = { logo_uri: 'http://localhost:8080/l.svg' };
    expect([shown(local), shown(local, 'openid_provider', true)]).toEqual([undefined, local]);
    expect(shown({ logo_uri: 'http://kit.example/' }, 'openid_provider', true)).toBeUndefined();
  });
  it('what is no metadata gives nothing, and no name of a prototype is special', () => {
    for (const none of [null, undefined, [], 'x', { openid_provider: null }, { openid_provider: [] }]) expect(uiInfosOf(none as never)).toEqual({});
    const infos = uiInfosOf(JSON.parse('{"__proto__":{"display_name":"x"},"a\\u202eb":{"display_name":"x"},"constructor":{"display_name":"y"}}'));
    expect(JSON.stringify(infos)).toBe('{"__proto__":{"display_name":"x"},"constructor":{"display_name":"y"}}');
    expect(Object.getPrototypeOf(infos)).toBe(Object.prototype);
  });
});
