import { html, raw } from 'hono/html';

interface Content {
  readonly schema?: unknown;
  readonly example?: unknown;
}
interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly description?: string }[];
  readonly operationId?: string;
  readonly requestBody?: { readonly content?: Record<string, Content> };
  readonly responses?: Record<string, { readonly description?: string; readonly content?: Record<string, Content> }>;
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly tags?: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components?: { readonly schemas?: Record<string, unknown> };
}

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.25rem 4rem;color:#1b1f24;background:#fff}
h1{margin:.5rem 0}h2{margin:2.5rem 0 .5rem;border-bottom:1px solid #d0d7de}
nav a{margin-right:1rem}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f4f6f8;padding:.75rem;overflow:auto;border-radius:4px}
details{border:1px solid #d0d7de;border-radius:4px;margin:.5rem 0}summary{padding:.5rem .75rem;cursor:pointer}
details>div{padding:0 1rem .75rem}.method{display:inline-block;min-width:4rem;font-weight:600}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1rem .15rem 0;vertical-align:top}
@media (prefers-color-scheme:dark){body{background:#14171a;color:#e6e8ea}pre{background:#1f2429}details,h2{border-color:#3b434b}a{color:#7db7ff}}`;

/** The search box, the only script of the page: without it everything is there, and the browser's own search finds it. */
export const SEARCH_SCRIPT =
  "const box=document.getElementById('search');const all=[...document.querySelectorAll('details')];box.closest('[hidden]').hidden=false;box.addEventListener('input',()=>{const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);for(const one of all)one.hidden=!words.every((word)=>one.textContent.toLowerCase().includes(word))})";
/** The digest by which the Content-Security-Policy lets that script run, and no other. */
export const SEARCH_SCRIPT_HASH = 'sha256-JGbDjfkPlQ57dfjXNpGQ1g060M+J44sJ0jAvs+ioCtA=';

const show = (value: unknown): string => JSON.stringify(value, null, 2);

/** One page from the OpenAPI document: nothing loaded from elsewhere, no data, so it needs no key. */
export function viewer(document: Document, base: string) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'Other'))];
  /** A schema by name is shown where it is used. */
  const resolve = (schema: unknown): unknown => {
    const name = (schema as { $ref?: string } | undefined)?.$ref?.split('/').at(-1);
    return name === undefined ? schema : (document.components?.schemas?.[name] ?? schema);
  };
  const id = (tag: string) => tag.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${document.info.title}</title><style>${raw(STYLE)}</style></head>
<body>
<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${document.info.description ?? ''}</p>
<p>Every request carries <code>Authorization: Bearer &lt;API key&gt;</code>. The contract for machines: <a href="${base}/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<p hidden><label>Search <input id="search" type="search" placeholder="suspend, audit, /keys"></label></p>
<nav aria-label="Sections">${tags.map((tag) => html`<a href="#${id(tag)}">${tag}</a> `)}<a href="#schemas">Schemas</a></nav>
${tags.map(
  (tag) => html`<h2 id="${id(tag)}">${tag}</h2>
<p>${document.tags?.find(({ name }) => name === tag)?.description ?? ''}</p>
${operations.filter(({ operation }) => (operation.tags?.[0] ?? 'Other') === tag).map(({ path, method, operation }) => one(path, method, operation, base, resolve))}`,
)}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => html`<details id="schema-${name}"><summary><code>${name}</code></summary><div><pre>${show(schema)}</pre></div></details>`)}
<script>${raw(SEARCH_SCRIPT)}</script>
</body></html>`;
}

function one(path: string, method: string, operation: Operation, base: string, resolve: (schema: unknown) => unknown) {
  const content = operation.requestBody?.content ?? {};
  const [type = 'application/json', { schema, example } = {}] = Object.entries(content)[0] ?? [];
  const body = resolve(schema);
  const answered = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith('2'))?.[1].content?.['application/json']?.example;
  const sent = typeof example === 'string' ? example : JSON.stringify(example ?? {});
  const curl = `curl -H "Authorization: Bearer $HOLDFAST_TOKEN"${method === 'get' ? '' : ` -X ${method.toUpperCase()}`}${body ? ` -H "Content-Type: ${type}" --data-binary '${sent.replaceAll("'", "'\\''")}'` : ''} "$HOLDFAST_URL${path}"`;
  return html`<details><summary><span class="method">${method.toUpperCase()}</span> <code>${path.replace(base, '')}</code> ${operation.summary ?? ''}</summary><div>
${operation.description ? html`<p>${operation.description}</p>` : ''}
${operation.parameters?.length ? html`<table><tr><th>Parameter</th><th>In</th><th></th></tr>${operation.parameters.map((parameter) => html`<tr><td><code>${parameter.name}</code>${parameter.required ? ' *' : ''}</td><td>${parameter.in}</td><td>${parameter.description ?? ''}</td></tr>`)}</table>` : ''}
<p>Answers: ${Object.entries(operation.responses ?? {}).map(([status, { description }]) => html`<code>${status}</code> ${description ?? ''}; `)}</p>
<p>Example <small><code>${operation.operationId ?? ''}</code></small></p><pre>${curl}</pre>${answered === undefined ? '' : html`<p>Answer</p><pre>${show(answered)}</pre>`}
${body ? html`<p>Body, by its schema</p><pre>${show(body)}</pre>` : ''}</div></details>`;
}
