import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { SEARCH_SCRIPT } from '../../src/admin/viewer.js';
import type { z } from '@hono/zod-openapi';
import { createAdminApp } from '../../src/admin/app.js';
import { ADMIN_BASE } from '../../src/admin/base.js';

interface Content {
  readonly example?: unknown;
}
interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}
type Schemas = Readonly<Record<string, { readonly schema: z.ZodType }>>;

it('what the contract shows as an example is what the endpoint takes, and what its schema of the answer says', async () => {
  const app = createAdminApp(() => {
    throw new Error('the contract needs no deployment');
  });
  const { paths } = (await (await app.request('/admin/v1/openapi.json')).json()) as { readonly paths: Readonly<Record<string, Record<string, Operation>>> };
  const wrong: string[] = [];
  let looked = 0;
  const hold = (at: string, schema: z.ZodType, example: unknown) => {
    looked++;
    const { success, error } = schema.safeParse(example);
    if (!success) wrong.push(`${at}: ${error.issues.map((issue) => `${issue.path.join('/')} ${issue.message}`).join('; ')}`);
  };
  for (const definition of app.openAPIRegistry.definitions) {
    if (definition.type !== 'route') continue;
    const { method, path, request, responses } = definition.route;
    const operation = paths[`${ADMIN_BASE}${path}`]?.[method];
    for (const [type, { schema }] of Object.entries((request?.body?.content ?? {}) as Schemas))
      hold(`${method} ${path} body`, schema, operation?.requestBody?.content[type]?.example);
    for (const [status, answer] of Object.entries(responses))
      if (status.startsWith('2') && 'content' in answer)
        for (const [type, { schema }] of Object.entries((answer.content ?? {}) as Schemas))
          hold(`${method} ${path} ${status}`, schema, operation?.responses[status]?.content?.[type]?.example);
  }
  expect(wrong).toEqual([]);
  expect(looked).toBeGreaterThan(140);
});

it('the script of the API page shows the search box, and hides what has not all words', () => {
  const page = { hidden: true };
  const heard: (() => void)[] = [];
  const box = {
    value: '',
    parentElement: { hidden: false },
    closest: (selector: string) => (selector === '[hidden]' ? page : null),
    addEventListener: (_type: string, on: () => void) => {
      heard.push(on);
    },
  };
  const all = ['POST /members/{id}/suspend Cut a member off', 'GET /keys All keys'].map((textContent) => ({ textContent, hidden: false }));
  runInNewContext(SEARCH_SCRIPT, { document: { getElementById: () => box, querySelectorAll: () => all } });
  expect(page.hidden).toBe(false);
  box.value = ' cut  SUSPEND';
  for (const on of heard) on();
  expect(all.map(({ hidden }) => hidden)).toEqual([false, true]);
});
