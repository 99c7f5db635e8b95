import { expect } from 'vitest';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HotPath, hotPath } from '../../src/public/hot-path.node.js';
import { createPublicApp, type PublicContext } from '../../src/public/app.js';
import { plainHeads } from '../../src/edge/request-head.js';
import { type PlainAnswers, plainAnswers } from '../../src/public/plain-answers.node.js';
import type { Database } from '../../src/store/database.js';
import { publishedNow } from '../../src/store/published-now.js';

type App = { request(url: string, init?: RequestInit): Response | Promise<Response> };
export type Asking = (url: string, init?: RequestInit) => Promise<Response>;

interface Sent {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What the hot path sends for a request, with no connection in between; undefined: it leaves it to the app. */
function sentBy(hot: HotPath, request: Request): Sent | undefined {
  const { host, pathname, search } = new URL(request.url);
  const rawHeaders = ['Host', host, ...[...request.headers].flat()];
  let head: { status: number; raw: readonly string[] } | undefined;
  let body = '';
  const outgoing = {
    writeHead(status: number, raw: readonly string[]) {
      head = { status, raw };
      return outgoing;
    },
    end(text: string | Uint8Array = '') {
      body = typeof text === 'string' ? text : Buffer.from(text).toString();
    },
  };
  const answered = hot(
    { method: request.method, url: `${pathname}${search}`, rawHeaders, headers: {} } as unknown as IncomingMessage,
    outgoing as unknown as ServerResponse,
    () => undefined,
  );
  if (!answered || !head) return undefined;
  const headers: Record<string, string> = {};
  for (let n = 0; n < head.raw.length; n += 2) headers[head.raw[n] as string] = head.raw[n + 1] as string;
  return { status: head.status, headers, body };
}

const read = plainHeads();

/** What is written to a bare connection for a request; undefined: it is left to the server behind. */
function writtenBy(plain: PlainAnswers, request: Request): Sent | undefined {
  if (request.method !== 'GET') return undefined;
  const { host, pathname, search } = new URL(request.url);
  const fields = [...request.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = read(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`);
  const found = head && plain(head, '', 0);
  if (found === undefined || found instanceof Promise) return undefined;
  const [line = '', ...lines] = found.head.trimEnd().split('\r\n');
  const headers = Object.fromEntries(lines.map((one) => [one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 2)]));
  return { status: Number(line.split(' ')[1]), headers, body: typeof found.body === 'string' ? found.body : Buffer.from(found.body).toString() };
}

/**
 * The public plane as a Node process has it, the hot path before the app: whatever a test asks is asked of both, before the app
 * has answered and after, and of an app that keeps nothing; and has to be the same.
 */
export function askingAll(app: App, contextOf: () => PublicContext, db: Database): Asking {
  const forgetful = createPublicApp(() => ({ ...contextOf(), published: publishedNow(db) }));
  const paths = { 'http:': hotPath(contextOf, 'http', undefined), 'https:': hotPath(contextOf, 'https', undefined) };
  const nobody = () => undefined;
  const plains = { 'http:': plainAnswers(contextOf, 'http', undefined, nobody), 'https:': plainAnswers(contextOf, 'https', undefined, nobody) };
  return async (url, init) => {
    const { method, headers } = init ?? {};
    // Without the body: it may be a stream, and is the app's to read.
    const request = new Request(url, { ...(method !== undefined && { method }), ...(headers && { headers }) });
    const hot = paths[new URL(request.url).protocol as 'http:' | 'https:'];
    const plain = plains[new URL(request.url).protocol as 'http:' | 'https:'];
    const before = [sentBy(hot, request), writtenBy(plain, request)];
    const response = await app.request(url, init);
    const after = [sentBy(hot, request), writtenBy(plain, request)];
    for (const sent of [...before, ...after]) if (sent) await expectSame(sent, response.clone(), request);
    if (request.method === 'GET' || asksForStatus(url, init))
      return await expectFresh(
        response,
        forgetful,
        async () => {
          // Another process has committed, which is looked for every few milliseconds; or somebody while this was being asked.
          (contextOf().published as { changed?: () => void }).changed?.();
          return app.request(url, init);
        },
        url,
        init,
      );
    return response;
  };
}

/** By POST what anybody may ask as often as he likes (§8.4). */
const asksForStatus = (url: string, init: RequestInit = {}): boolean =>
  init.method === 'POST' && url.endsWith('/trust-mark-status') && typeof init.body === 'string' && !init.body.includes('client_assertion');

/** Of a list of many pages only who keeps it has a tag. */
async function whole(response: Response) {
  const { etag: _, ...headers } = Object.fromEntries(response.headers);
  return JSON.stringify({ status: response.status, headers, body: await response.text() });
}

async function expectFresh(response: Response, forgetful: App, again: () => Promise<Response>, url: string, init?: RequestInit): Promise<Response> {
  // Only who remembers that it was read to its end can say that it is the same.
  if (response.status === 304 && response.headers.get('etag')?.startsWith('W/')) return response;
  const [kept, now] = [await whole(response.clone()), await whole(await forgetful.request(url, init))];
  if (kept !== now) {
    const [other, later] = [await whole(await again()), await whole(await forgetful.request(url, init))];
    expect(other, `what is kept, against the store, about ${url}`).toBe(later);
  }
  return response;
}

async function expectSame(sent: Sent, response: Response, { method, url }: Request): Promise<void> {
  const { 'Content-Length': length, ...headers } = sent.headers;
  const body = method === 'HEAD' ? '' : await response.text();
  expect({ status: sent.status, headers, body: sent.body }, `the hot path about ${method} ${url}`).toEqual({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body,
  });
  if (sent.status === 200 && method === 'GET') expect(length, url).toBe(String(Buffer.byteLength(body)));
}
