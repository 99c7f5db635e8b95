import { expect, it } from 'vitest';
import { testDeployment } from '../support/deployment.js';

type Operations = Record<string, Record<string, { readonly parameters?: readonly { readonly in: string; readonly name: string }[] }>>;

it('every operation of the contract refuses a parameter that it does not name, and says which one was meant', async () => {
  const d = await testDeployment();
  const { paths } = (await d.admin('GET', '/openapi.json')).json as { readonly paths: Operations };
  let asked = 0;
  for (const [path, methods] of Object.entries(paths))
    for (const [method, { parameters = [] }] of Object.entries(methods)) {
      const known = parameters.filter((one) => one.in === 'query').map(({ name }) => name);
      const at = path
        .replace('/admin/v1', '')
        .replace('{slug}', 'main')
        .replace(/\{\w+\}/g, 'x');
      const { status, json } = await d.admin(method.toUpperCase(), `${at}?zz_unknown=1`, method === 'get' ? undefined : '{}');
      expect([status, json.code], `${method} ${path}`).toEqual([400, 'invalid_request']);
      expect(json.detail, `${method} ${path}`).toContain('query: "zz_unknown" is no parameter of this request');
      for (const name of known) {
        const slip = await d.admin(method.toUpperCase(), `${at}?${name}x=1`, method === 'get' ? undefined : '{}');
        expect(slip.json.detail, `${method} ${path}`).toMatch(new RegExp(`"${name}x" is no parameter of this request; did you mean \\w+`));
      }
      asked++;
    }
  expect(asked).toBeGreaterThan(80);
});

it('slips that an operator makes; a hostile name is quoted; what is known is still taken', async () => {
  const d = await testDeployment();
  const detail = async (query: string, path = '/authorities/main/members') => (await d.admin('GET', `${path}?${query}`)).json.detail as string | undefined;
  expect(await detail('stat=revoked')).toContain('did you mean state?');
  expect(await detail('entitytype=x')).toContain('did you mean entity_type?');
  expect(await detail('fro=1', '/authorities/main/events')).toContain('known here are limit, cursor, order, since');
  expect(await detail('sicne=1', '/authorities/main/events')).toContain('did you mean since?');
  expect(await detail('a=1', '/whoami')).toContain('there is none here');
  expect(await detail(`${'x'.repeat(5000)}=1`)).toMatch(/^query: "x{1,300}…?/);
  expect((await detail(`${'x'.repeat(5000)}=1`))?.length).toBeLessThan(600);
  expect(await detail('__proto__=1')).toContain('is no parameter');
  expect(await detail('state=active&limit=5&q=a')).toBeUndefined();
  expect((await d.admin('GET', '/authorities/main/members?limit=1&limit=2')).status, 'twice').toBe(400);
  expect((await d.public('/list?zz_unknown=1')).status, '§8: public endpoints ignore what they do not know').toBe(200);
});
