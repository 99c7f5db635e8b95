import { describe, expect, it } from 'vitest';
import { platform } from '#test-platform';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';

interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}
type Operation = { readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> } };
interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A body with what a schema requires: names that mean something get what is there. */
function bodyOf(contract: Contract, named: Readonly<Record<string, unknown>>, schema: Schema | undefined, name = ''): unknown {
  if (!schema) return undefined;
  if (schema.$ref) return bodyOf(contract, named, contract.components.schemas[schema.$ref.split('/').at(-1) as string], name);
  if (name in named) return named[name];
  if (schema.anyOf) return bodyOf(contract, named, schema.anyOf[0], name);
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'object') return Object.fromEntries((schema.required ?? []).map((key) => [key, bodyOf(contract, named, schema.properties?.[key], key)]));
  return { array: [], string: 'a word', boolean: true, integer: NOW + 1000, number: NOW + 1000 }[schema.type ?? ''];
}

const firstId = async (d: TestDeployment, sql: string) => String((await d.rows(sql))[0]?.['id'] ?? 'none');

describe('Idempotency-Key', () => {
  it('every write of the contract is carried out with one, and repeated answers alike', async () => {
    const d = await testDeployment();
    const { jwks, configuration } = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await configuration());
    await d.admin('POST', '/authorities/main/members', { entity_id: 'https://b.example.com', jwks, activate: true, organization: 'B' });
    const contract = (await d.admin('GET', '/openapi.json')).json as Contract;
    const named = { entity_id: RP, jwks, trust_mark_type: TYPE, member: RP, issuer: RP, trust_anchor: RP, slug: 'more', yes: true };
    const done = new Set<string>();
    const failed: unknown[] = [];
    let n = 0;
    // Twice over all of them: what one makes the others need. What ends everything is left out.
    // What takes two rounds to be there is the same on D1, where each request costs ten times as much.
    for (const round of platform === 'workers' ? [1] : [1, 2])
      for (const [path, methods] of Object.entries(contract.paths))
        for (const [method, { requestBody }] of Object.entries(methods)) {
          if (method === 'get' || /\{slug\}\/(halt|retire)$|\/revoke$/.test(path)) continue;
          const url = path
            .replace('/admin/v1', '')
            .replace('{slug}', 'main')
            .replace('{id}', encodeURIComponent(RP))
            .replace('{entity}', encodeURIComponent(RP))
            .replace('{type}', encodeURIComponent(TYPE))
            .replace('{version}', String(round))
            .replace('{kid}', await firstId(d, "SELECT kid AS id FROM authority_key WHERE state <> 'active' ORDER BY created_at DESC LIMIT 1"))
            .replace('{job}', await firstId(d, "SELECT id FROM job WHERE state = 'running' LIMIT 1"))
            .replace('{jti}', await firstId(d, 'SELECT jti AS id FROM trust_mark LIMIT 1'))
            .replace('{organization}', await firstId(d, 'SELECT id FROM organization LIMIT 1'));
          const body = bodyOf(contract, named, requestBody?.content?.['application/json']?.schema);
          const headers = { 'idempotency-key': `key-${n++}` };
          const [first, again] = [await d.admin(method.toUpperCase(), url, body, { headers }), await d.admin(method.toUpperCase(), url, body, { headers })];
          if (first.status < 300) done.add(`${method} ${path}`);
          const alike = again.headers.get('idempotency-replayed') === null || again.text === first.text;
          if (first.status === 500 || again.status === 500 || !alike) failed.push([method, path, first.status, first.text, again.status, again.text]);
        }
    expect(failed).toEqual([]);
    expect(done.size).toBeGreaterThan(platform === 'workers' ? 20 : 35);
    expect(done).toContain('post /admin/v1/clock/confirm');
  });
});
