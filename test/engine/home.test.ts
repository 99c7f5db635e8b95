import { expect, it } from 'vitest';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';

const BROWSER = { headers: { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' } };
const RP = 'https://rp.example.com';
const NAME = '<img src=x onerror=alert(1)> & Söhne';

async function deployment() {
  const d = await testDeployment({
    metadata: { federation_entity: { organization_name: NAME, homepage_uri: 'javascript:alert(1)', contacts: ['mailto:x@example.org'] } },
  });
  const rp = await testMember(RP);
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  return d;
}

it('a browser is shown at / what runs here, from what is public: no script, nothing of others, nobody’s members', async () => {
  const d = await deployment();
  const page = await d.public('/', BROWSER);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=UTF-8');
  expect(page.headers.get('vary')).toBe('accept');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/);
  const style = /<style>([\s\S]*)<\/style>/.exec(page.text)?.[1] ?? '';
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style)));
  expect(policy, 'the browser takes the style it is given').toContain(btoa(String.fromCharCode(...digest)));
  const kid = (await d.admin('GET', '/authorities/main/keys')).json.items[0].kid;
  for (const shown of [ANCHOR, kid, 'A trust anchor', 'action="/resolve"', 'href="/.well-known/openid-federation"', 'href="/list"', 'href="/head"'])
    expect(page.text).toContain(shown);
  expect(page.text).toContain('&lt;img src=x onerror=alert(1)&gt; &amp; Söhne');
  expect(page.text).not.toContain('<img');
  expect(page.text).not.toMatch(/<script|href="javascript|<[a-z]+[^>]* src=/);
  expect(page.text, 'a member’s name is for who asks for it').not.toContain('rp.example.com');
  expect(await d.public('/', { ...BROWSER, method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

it('whoever does not name HTML is answered as before, and no other path or method has a page', async () => {
  const d = await deployment();
  for (const accept of ['*/*', 'application/json', 'text/*', 'text/html;q=0', ''])
    expect(await d.public('/', { headers: { accept } }), accept).toMatchObject({ status: 404, json: { error: 'not_found' } });
  expect(await d.public('/')).toMatchObject({ status: 404, json: { error: 'not_found' } });
  expect(await d.public('/nothing', BROWSER)).toMatchObject({ status: 404, json: { error: 'not_found' } });
  expect((await d.public('/', { ...BROWSER, method: 'POST' })).status).toBe(404);
  expect(await d.public('/list', BROWSER), 'an endpoint stays what it is').toMatchObject({ status: 200, json: [RP] });
});

it('an authority below a path has a page of its own, and stands on that of its host; one that is halted says nothing', async () => {
  const d = await deployment();
  const inter = `${ANCHOR}/inter`;
  await d.admin('POST', '/authorities', {
    slug: 'inter',
    entity_id: inter,
    authority_hints: [ANCHOR],
    metadata: { federation_entity: { organization_name: 'The one below' } },
  });
  expect((await d.public('/', BROWSER)).text).toContain('<a href="/inter">');
  for (const path of ['/inter', '/inter/']) {
    const { status, text } = await d.public(path, BROWSER);
    expect(status, path).toBe(200);
    for (const shown of ['The one below', 'An intermediate', `<code>${inter}</code>`, 'action="/inter/resolve"', `href="${ANCHOR}"`])
      expect(text).toContain(shown);
  }
  expect((await d.admin('POST', '/authorities/inter/halt', { reason: 'x' })).status).toBe(200);
  const halted = await d.public('/inter', BROWSER);
  expect(halted.status).toBe(200);
  expect(halted.text).toContain('it is halted or retired');
  expect(halted.text).not.toContain('The one below');
});

it('what is due is not shown as if it held', async () => {
  const d = await deployment();
  d.clock += 10 * 86_400;
  expect((await d.public('/', BROWSER)).text).toContain('being signed anew');
});
