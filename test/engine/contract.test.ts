import { expect, it } from 'vitest';
import { SEARCH_SCRIPT, SEARCH_SCRIPT_HASH } from '../../src/admin/viewer.js';
import { operationId } from '../../src/admin/endpoint.js';
import { testDeployment } from '../support/deployment.js';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly description?: string; readonly schema?: { description?: string } }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: object; readonly example?: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Readonly<Record<string, { readonly example?: unknown }>> }>>;
}
interface Contract {
  readonly openapi: string;
  readonly servers?: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

it('the contract: every operation has an id of its own, words, and described parameters; nothing refers to what is not there', async () => {
  const d = await testDeployment();
  const contract = (await d.admin('GET', '/openapi.json')).json as Contract;
  expect(contract.servers).toEqual([{ url: '/', description: expect.any(String) }]);
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ at: `${method} ${path}`, path, ...operation })),
  );
  const ids = operations.map(({ operationId: id }) => id);
  expect(ids.filter((id) => !/^[a-z]+[A-Z][A-Za-z]+$/.test(id ?? ''))).toEqual([]);
  expect(ids.filter((id, n) => ids.indexOf(id) !== n)).toEqual([]);
  for (const { at, path, summary, description, tags, parameters = [], responses, requestBody } of operations) {
    const contents = [requestBody, ...Object.entries(responses).flatMap(([status, one]) => (status.startsWith('2') ? [one] : []))];
    for (const one of contents) for (const content of Object.values(one?.content ?? {})) expect(content.example, at).toBeDefined();
    expect(
      [summary, description].every((text) => (text ?? '').length > 5),
      at,
    ).toBe(true);
    expect(tags, at).toHaveLength(1);
    expect(
      parameters.filter((one) => !one.description && !one.schema?.description).map(({ name }) => name),
      at,
    ).toEqual([]);
    const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
    expect(inPath.sort(), at).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort());
    expect(
      Object.values(responses).every((one) => one.description),
      at,
    ).toBe(true);
  }
  const named = [...JSON.stringify(contract).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name as string);
  expect(named.filter((name) => !Object.hasOwn(contract.components.schemas, name))).toEqual([]);
  const lines = contract.paths['/admin/v1/authorities/{slug}/imports/{job}/lines']?.['post'];
  expect(Object.keys(lines?.requestBody?.content ?? {}).sort()).toEqual(['application/x-ndjson', 'text/csv']);
  expect(lines?.parameters?.map(({ name }) => name)).toContain('first_line');
});

it('ids are made of method and path alone', () => {
  expect(operationId('post', '/authorities/{slug}/members/{id}/suspend')).toBe('postAuthorityMemberSuspend');
  expect(operationId('get', '/authorities/{slug}/policies')).toBe('getAuthorityPolicies');
  expect(operationId('get', '/authorities/{slug}/policies/{version}')).toBe('getAuthorityPolicy');
  expect(operationId('post', '/api-keys')).toBe('postApiKeys');
});

it('the API page: an example of each operation, a search box by one script of ours that the policy names by digest, nothing from elsewhere', async () => {
  const d = await testDeployment();
  const { text, headers } = await d.admin('GET', '/docs');
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(SEARCH_SCRIPT));
  expect(SEARCH_SCRIPT_HASH).toBe(`sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`);
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain(`script-src '${SEARCH_SCRIPT_HASH}'`);
  expect(text.match(/<script/g)).toHaveLength(1);
  expect(text).toContain(`<script>${SEARCH_SCRIPT}</script>`);
  expect(/<style>(.*?)<\/style>/s.exec(text)?.[1], 'as it is, not escaped').toContain('details>div{');
  expect(text).not.toMatch(/src=|@import|url\(/);
  expect(text).toContain('postAuthorityMemberSuspend');
  expect(text.match(/curl -H/g)?.length).toBeGreaterThan(80);
});
