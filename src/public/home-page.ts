import { html } from 'hono/html';
import { base64url } from 'jose';
import { readUrl } from '../federation/read-url.js';
import { hashed } from '../federation/sha256.js';

export interface Home {
  /** Of the authority at this place; undefined where there are only others below it. */
  readonly entityId: string | undefined;
  /** Published; being signed anew; nothing to show, as of one that is halted; a restored history that nobody has confirmed. */
  readonly state: 'published' | 'due' | 'silent' | 'withheld';
  /** Of its Entity Configuration. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly others: readonly string[];
  readonly more: boolean;
  /** Path of the page about the admin API; undefined where there is none. */
  readonly apiPage: string | undefined;
}

const STYLE = `
:root{color-scheme:light dark;--line:#d0d7de;--soft:#f4f6f8;--dim:#57606a;--link:#0b57d0}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.25rem 3rem;color:#1b1f24;background:#fff;overflow-wrap:anywhere}
h1{margin:.5rem 0 0;line-height:1.2}h2{margin:2rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--line);font-size:1.2rem}h3{margin:1rem 0 .25rem;font-size:1rem}
p{margin:.5rem 0}.dim{color:var(--dim)}a{color:var(--link)}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:4px;overflow-wrap:normal}
dl{display:grid;grid-template-columns:minmax(9rem,21rem) 1fr;gap:.3rem 1rem;margin:.5rem 0}dt{color:var(--dim)}dd{margin:0;min-width:0}
ul{margin:.25rem 0;padding-left:1.25rem}dd ul{padding:0;list-style:none}
label{display:block;margin:.5rem 0}input{box-sizing:border-box;width:100%;font:inherit;padding:.4rem .5rem;border:1px solid var(--line);border-radius:4px}
button{font:inherit;padding:.4rem 1rem;border:1px solid var(--line);border-radius:4px;background:var(--soft);color:inherit;cursor:pointer}
summary{cursor:pointer}.note{border-left:4px solid #bf8700;padding:.25rem .75rem;background:var(--soft)}
@media (max-width:36rem){dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .5rem}}
@media (prefers-color-scheme:dark){:root{--line:#3b434b;--soft:#1f2429;--dim:#9aa4ae;--link:#7db7ff}body{background:#14171a;color:#e6e8ea}}`;

const standardBase64 = (bytes: Uint8Array): string => base64url.encode(bytes).replaceAll('-', '+').replaceAll('_', '/').padEnd(44, '=');
/** For the policy of the page: this style and no other. */
export const STYLE_HASH = `sha256-${standardBase64(hashed.bytes(STYLE))}`;

type Markup = ReturnType<typeof html>;
type Value = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Value => typeof value === 'object' && value !== null && !Array.isArray(value);
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
/** A time on record, written out: nobody's clock is asked. */
const time = (seconds: unknown): string =>
  typeof seconds === 'number' && Number.isFinite(seconds) && Math.abs(seconds) < 1e11
    ? // biome-ignore lint/style/noRestrictedGlobals: a time on record is written out, no clock is asked
      `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`
    : 'unknown';

const isWeb = (text: string): boolean => ['http:', 'https:'].includes(readUrl(text)?.protocol ?? '');
const linked = (text: string): Markup => (isWeb(text) ? html`<a href="${text}">${text}</a>` : html`${text}`);

function shown(value: unknown): Markup {
  if (typeof value === 'string') return linked(value);
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return html`<ul>${value.map((one) => html`<li>${shown(one)}</li>`)}</ul>`;
  return typeof value === 'object' ? html`<pre>${JSON.stringify(value, null, 2)}</pre>` : html`${String(value)}`;
}
const rows = (claims: Value): Markup => html`<dl>${Object.entries(claims).map(([name, value]) => html`<dt>${name}</dt><dd>${shown(value)}</dd>`)}</dl>`;

/** Where an endpoint of this host is, whatever name the host is reached by. */
const pathOf = (url: string): string => readUrl(url)?.pathname ?? '/';

const NOTES = {
  withheld: 'This deployment was restored from a backup, and its operator has not confirmed yet that nothing is missing. Until then it vouches for nobody.',
  due: 'The Entity Configuration is being signed anew. Come back in a moment.',
  silent: 'This entity publishes no Entity Configuration: it is halted or retired.',
};

/** One page without script, from what is public: what runs here and what it says about itself. */
export function page(home: Home): Markup {
  const { entityId, state, claims, others, more } = home;
  const metadata = isObject(claims?.['metadata']) ? claims['metadata'] : {};
  const federation = isObject(metadata['federation_entity']) ? metadata['federation_entity'] : {};
  const named = federation['organization_name'];
  const title = typeof named === 'string' ? named : (entityId ?? 'Entities of OpenID Federation');
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${STYLE_OF_PAGE}</style></head>
<body><main>
<h1>${title}</h1>
${entityId === undefined ? '' : html`<p class="dim">${roleOf(claims)} of <a href="https://openid.net/specs/openid-federation-1_0.html">OpenID Federation 1.0</a>, <code>${entityId}</code></p>`}
${state === 'published' || (entityId === undefined && state !== 'withheld') ? '' : html`<p class="note">${NOTES[state]}</p>`}
${claims && entityId !== undefined ? about(claims, entityId, metadata, federation) : ''}
${others.length ? html`<h2>Other entities at this host</h2><ul>${others.map((id) => html`<li><a href="${pathOf(id)}"><code>${id}</code></a></li>`)}</ul>${more ? html`<p>and more</p>` : ''}` : ''}
${entityId === undefined ? '' : linksOf(entityId, federation, state)}
<p class="dim">Served by Holdfast.${home.apiPage === undefined ? '' : html` For its operator: <a href="${home.apiPage}">the admin API</a>.`}</p>
</main></body></html>`;
}
/** As it is, not escaped: it is ours, and its hash is in the policy. */
const STYLE_OF_PAGE = Object.assign(new String(STYLE), { isEscaped: true as const });

const roleOf = (claims: Value | undefined): string =>
  claims === undefined ? 'An entity' : textsOf(claims['authority_hints']).length ? 'An intermediate' : 'A trust anchor';

function about(claims: Value, entityId: string, metadata: Value, federation: Value): Markup {
  const keys = isObject(claims['jwks']) && Array.isArray(claims['jwks']['keys']) ? claims['jwks']['keys'].filter(isObject) : [];
  const { iss: _iss, sub: _sub, iat, exp, jwks: _jwks, metadata: _metadata, authority_hints: hints, ...rest } = claims;
  const resolve = federation['federation_resolve_endpoint'];
  return html`<h2>About itself</h2>
<dl><dt>Entity Identifier</dt><dd><code>${entityId}</code></dd>
<dt>Superiors</dt><dd>${textsOf(hints).length ? shown(textsOf(hints)) : 'none: whoever trusts it has pinned its keys'}</dd>
<dt>Signed</dt><dd>${time(iat)}</dd><dt>Valid until</dt><dd>${time(exp)}</dd></dl>
<h2>Keys</h2>
<p class="dim">Compare the thumbprint through a second channel before you pin one.</p>
<dl>${keys.map((key) => html`<dt>${[key['kty'], key['crv'], key['alg']].filter((one) => typeof one === 'string').join(' ')}</dt><dd><code>${String(key['kid'])}</code></dd>`)}</dl>
${typeof resolve === 'string' ? formOf(resolve, entityId) : ''}
<h2>Metadata</h2>
${Object.entries(metadata).map(([type, of]) => html`<h3><code>${type}</code></h3>${isObject(of) ? rows(of) : ''}`)}
${Object.keys(rest).length ? html`<h2>Further claims</h2>${rows(rest)}` : ''}
<h2>The whole configuration</h2>
<details><summary>Decoded, as JSON</summary><pre>${JSON.stringify(claims, null, 2)}</pre></details>`;
}

const formOf = (endpoint: string, entityId: string): Markup => html`<h2>Resolve an entity</h2>
<p class="dim">The answer is a signed JWT for machines: its metadata with all policies applied, its trust marks, its chain.</p>
<form method="get" action="${pathOf(endpoint)}">
<label>Entity Identifier <input name="sub" type="url" required placeholder="https://"></label>
<label>Trust anchor <input name="trust_anchor" type="url" required value="${entityId}"></label>
<button>Resolve</button></form>`;

function linksOf(entityId: string, federation: Value, state: Home['state']): Markup {
  if (state === 'withheld') return html``;
  const base = pathOf(entityId).replace(/\/$/, '');
  const endpoint = (name: string, text: string): Markup => {
    const url = federation[name];
    return typeof url === 'string' ? html`<li><a href="${pathOf(url)}">${text}</a></li>` : html``;
  };
  return html`<h2>For machines</h2><ul>
<li><a href="${base}/.well-known/openid-federation">Entity Configuration</a>, a signed JWT</li>
${endpoint('federation_list_endpoint', 'Immediate Subordinates')}
${endpoint('federation_historical_keys_endpoint', 'Historical keys')}
<li><a href="${base}/head">Head of the event chain</a>, signed</li></ul>`;
}
