import { onTestFinished, vi } from 'vitest';
import type { Finished } from '../process.js';
import { command } from './command.js';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly allOf?: readonly Schema[];
}
interface Content {
  readonly schema: Schema;
  readonly example: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}
export interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Everything that can be asked of an API: each operation, each of its parameters, each member of its body. */
export function askable({ paths, components: { schemas } }: Contract): string[] {
  const members = ({ $ref: ref, properties, allOf = [] }: Schema): string[] =>
    ref === undefined ? [...Object.keys(properties ?? {}), ...allOf.flatMap(members)] : members(schemas[ref.split('/').at(-1) ?? ''] ?? {});
  return Object.values(paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ operationId: id, parameters = [], requestBody }) => [
      id,
      ...parameters.filter((one) => one.in === 'query').map(({ name }) => `${id} ?${name}`),
      ...members(requestBody?.content['application/json']?.schema ?? {}).map((name) => `${id} .${name}`),
    ]),
  );
}

/** What runs is over, and the second page is the last: nobody waits. */
const over = (example: unknown, last: boolean): unknown => {
  if (typeof example !== 'object' || example === null) return example;
  return { ...example, ...((example as { state?: unknown }).state === 'running' && { state: 'done' }), ...(last && { next_cursor: null }) };
};

/**
 * The command line before an API that answers everything with the example of its contract and keeps what was asked.
 * @param otherwise what is answered in place of parts of an example, by operation
 * @returns `strange`: requests that no operation of the contract is; `written`: operations that changed something, by id
 */
export function recording(contract: Contract, otherwise: Readonly<Record<string, object>> = {}) {
  const asked = new Set<string>();
  const strange: string[] = [];
  const written: string[] = [];
  const url = 'http://admin.test';
  const templates = Object.entries(contract.paths)
    .map(([path, methods]) => ({ fixed: path.replace(/\{\w+\}/g, '').length, of: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`), methods }))
    .sort((a, b) => b.fixed - a.fixed);
  const answer = (input: string, init: RequestInit = {}): Response => {
    const [path = '', query = ''] = input.slice(url.length).split('?');
    if (path.endsWith('/openapi.json')) return Response.json(contract);
    const method = (init.method ?? 'GET').toLowerCase();
    const operation = templates.find(({ of, methods }) => of.test(path) && methods[method])?.methods[method];
    if (!operation) {
      if (path.startsWith('/admin/')) strange.push(`${method} ${input}`);
      return Response.json({}, { status: 404 });
    }
    const { operationId: id } = operation;
    asked.add(id);
    for (const [name] of new URLSearchParams(query)) asked.add(`${id} ?${name}`);
    const dry = new URLSearchParams(query).get('dry_run') === 'true';
    const writes = method !== 'get' && operation.parameters?.some(({ name }) => name === 'dry_run') === true;
    if (writes && !dry) written.push(id);
    const json = new Headers(init.headers).get('content-type') === 'application/json';
    if (json && typeof init.body === 'string') for (const name of Object.keys(JSON.parse(init.body) as object)) asked.add(`${id} .${name}`);
    // Of what makes something 200 is the answer of a dry run.
    const good = Object.entries(operation.responses).filter(([code]) => code === '200' || code === '201');
    const [status, one] = (dry ? good[0] : good.at(-1)) ?? ['200', {}];
    const example = over(one.content?.['application/json']?.example ?? {}, new URLSearchParams(query).has('cursor')) as object;
    return Response.json({ ...example, ...otherwise[id], ...(dry && { dry_run: true }) }, { status: Number(status) });
  };
  vi.stubGlobal('fetch', (input: string, init?: RequestInit) => Promise.resolve(answer(input, init)));
  onTestFinished(() => void vi.unstubAllGlobals());
  const run = (args: readonly string[]): Promise<Finished> =>
    command(args, { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: 'a-token', HOLDFAST_DATA: '/nonexistent' });
  return { asked, strange, written, run };
}
