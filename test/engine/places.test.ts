import { describe, expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { fillPlaces } from '../../src/operations/authorities/fill-places.js';
import { ANCHOR, testDeployment } from '../support/deployment.js';

const SPELLINGS = ['https://two.example.org', 'https://TWO.example.org', 'https://two.example.org:443', 'https://two.example.org.', 'https://two.example.org/'];

describe('authorities keep their places', () => {
  it('EI-03: of several made at once for one place, spelled differently, one is made; the others are told why', async () => {
    const d = await testDeployment();
    const made = await Promise.allSettled(SPELLINGS.map((entityId, n) => createAuthority(d.call, { slug: `two-${n}`, entityId })));
    const won = made.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const one of made)
      if (one.status === 'rejected')
        expect(one.reason).toMatchObject({ code: 'already_exists', message: expect.stringMatching(/the authority two-\d, .*, answers at that URL already/) });
    expect(await d.rows("SELECT place FROM authority WHERE slug LIKE 'two-%'")).toEqual([{ place: 'two.example.org/.well-known/openid-federation' }]);
    expect(await d.rows("SELECT count(*) AS n FROM event WHERE type = 'authority.created'")).toEqual([{ n: 2 }]);
  });
  it('one after the other it is refused too, also beside an authority that has no place on record', async () => {
    const d = await testDeployment();
    await d.execute('UPDATE authority SET place = NULL');
    const answer = await d.admin('POST', '/authorities', { slug: 'two', entity_id: 'https://ANCHOR.example.org:443/' });
    expect([answer.status, answer.json.code, answer.json.detail]).toEqual([409, 'already_exists', expect.stringContaining(`the authority main, ${ANCHOR}`)]);
  });
  it('authorities of before get their places; the younger of two at one place gets none and is named', async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'two', entityId: 'https://two.example.org' });
    await createAuthority(d.call, { slug: 'three', entityId: 'https://three.example.org' });
    await d.execute("UPDATE authority SET place = NULL, created_at = created_at + CASE WHEN slug <> 'main' THEN 1 ELSE 0 END");
    await d.execute("UPDATE authority SET entity_id = 'https://TWO.example.org', created_at = created_at + 5 WHERE slug = 'three'");
    expect(await fillPlaces(d.deployment)).toEqual(['https://TWO.example.org']);
    expect(await d.rows('SELECT slug, place FROM authority ORDER BY created_at')).toEqual([
      { slug: 'main', place: 'anchor.example.org/.well-known/openid-federation' },
      { slug: 'two', place: 'two.example.org/.well-known/openid-federation' },
      { slug: 'three', place: null },
    ]);
    expect((await d.public('https://two.example.org/list')).status).toBe(200);
  });
  it('in development loopback hosts are one place, and an authority of another host answers under its own name only', async () => {
    const d = await testDeployment();
    const call = { ...d.call, development: true };
    await d.execute("UPDATE authority SET entity_id = 'http://localhost:8080', place = '/.well-known/openid-federation'");
    await expect(createAuthority(call, { slug: 'same', entityId: 'http://127.0.0.1:9090' })).rejects.toMatchObject({ code: 'already_exists' });
    await createAuthority(call, { slug: 'foreign', entityId: 'https://fed.partner.example' });
    await createAuthority(call, { slug: 'below', entityId: 'http://localhost:8080/below' });
    const app = createPublicApp(() => ({ published: d.published, inbox: undefined, now: d.deployment.now, development: true }));
    const asked = async (url: string) => (await app.request(url)).status;
    const issuer = async (url: string): Promise<unknown> => {
      const answer = await app.request(`${url}/.well-known/openid-federation`);
      return answer.ok ? JSON.parse(atob((await answer.text()).split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '')).iss : answer.status;
    };
    expect(await issuer('http://fed.partner.example')).toBe('https://fed.partner.example');
    expect(await issuer('http://localhost:8080/below')).toBe('http://localhost:8080/below');
    expect(await issuer('http://127.0.0.1:1234/below')).toBe('http://localhost:8080/below');
    expect(await issuer('http://fed.partner.example/below'), 'another host, so another authority').toBe(404);
    expect(await asked('http://localhost:8080/list')).toBe(200);
    expect(await asked('http://somebody.example/list')).toBe(404);
  });
});
