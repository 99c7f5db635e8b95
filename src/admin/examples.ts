/** What is said about the shape of a value in an OpenAPI 3.1 document. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}
interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
}
interface Operation {
  readonly requestBody?: { readonly content?: Readonly<Record<string, Content>> };
  readonly responses?: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}
interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

/** Words that say more than "text". */
const TEXTS: Readonly<Record<string, string>> = {
  entity_id: 'https://rp.example.org',
  trust_anchor: 'https://anchor.example.org',
  trust_mark_type: 'https://anchor.example.org/marks/certified',
  member: 'https://rp.example.org',
  sub: 'https://rp.example.org',
  reason: 'licence withdrawn',
  slug: 'main',
  role: 'operator',
  kid: 'bT3kM0…',
  type: 'member.suspended',
};
const TIME = 1_800_000_000;
const DEEPEST = 8;

/** A value of that shape: what is required, with what the schema says itself first. */
export function exampleOf(schema: Schema, schemas: Readonly<Record<string, unknown>>, name = '', depth = 0): unknown {
  const referred = schema.$ref?.split('/').at(-1);
  if (referred !== undefined) return depth > DEEPEST ? {} : exampleOf((schemas[referred] ?? {}) as Schema, schemas, name, depth + 1);
  if (schema.example !== undefined) return schema.example;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum?.length) return schema.enum[0];
  const [one] = schema.anyOf ?? schema.oneOf ?? [];
  if (one) return exampleOf(one, schemas, name, depth + 1);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, schemas, name, depth + 1)));
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  if (type === 'string') return TEXTS[name] ?? (name || 'text');
  if (type === 'integer' || type === 'number') return /_at$|_until$|^exp$|^at$|^iat$/.test(name) ? TIME : Math.max(schema.minimum ?? 1, 1);
  if (type === 'boolean') return true;
  if (type === 'array') return depth > DEEPEST || !schema.items ? [] : [exampleOf(schema.items, schemas, name, depth + 1)];
  const wanted = Object.entries(schema.properties ?? {}).filter(([key]) => schema.required?.includes(key));
  return Object.fromEntries(wanted.map(([key, value]) => [key, exampleOf(value, schemas, key, depth + 1)]));
}

/** The document with an example of each body and each answer. */
export function withExamples<D extends Document>(document: D): D {
  const schemas = document.components?.schemas ?? {};
  const shown = (content: Readonly<Record<string, Content>>) =>
    Object.fromEntries(
      Object.entries(content).map(([type, one]) => [type, one.schema && one.example === undefined ? { ...one, example: exampleOf(one.schema, schemas) } : one]),
    );
  const withOne = <T extends { readonly content?: Readonly<Record<string, Content>> }>(part: T): T =>
    part.content ? { ...part, content: shown(part.content) } : part;
  const paths = Object.entries(document.paths ?? {}).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [
        method,
        {
          ...operation,
          ...(operation.requestBody && { requestBody: withOne(operation.requestBody) }),
          responses: Object.fromEntries(
            Object.entries(operation.responses ?? {}).map(([status, answer]) => [status, status.startsWith('2') ? withOne(answer) : answer]),
          ),
        },
      ]),
    ),
  ]);
  return { ...document, paths: Object.fromEntries(paths) };
}
