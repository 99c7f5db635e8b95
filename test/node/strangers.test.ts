import { readFileSync } from 'node:fs';
import { Agent, get, request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_FORM_BYTES } from '../../src/public/form.js';
import { testKey } from '../support/keys.js';
import { admin, freePort, type Server, startProcess, tempFolder } from '../support/process.js';

const MEMBER = 'http://rp.localhost';
const TYPE = 'https://marks.example.org/certified';
const e = encodeURIComponent;

type Kind = readonly [ask: (n: number) => string, status: number];

/** Resident memory in MB, as the kernel counts it. */
const residentOf = ({ child }: Server): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024;

/** A public plane of its own over a small federation, nothing being committed any more. */
async function publicPlane(): Promise<{ readonly server: Server; readonly anchor: string; readonly url: string }> {
  const folder = tempFolder();
  const signing = await startProcess(folder);
  const A = '/authorities/main';
  const jwks = { keys: [(await testKey()).jwk] };
  expect((await admin(signing, 'POST', `${A}/members`, { entity_id: MEMBER, jwks, entity_types: ['openid_provider'], activate: true })).status).toBe(201);
  expect((await admin(signing, 'POST', `${A}/mark-types`, { trust_mark_type: TYPE })).status).toBe(201);
  expect((await admin(signing, 'POST', `${A}/marks`, { trust_mark_type: TYPE, member: MEMBER })).status).toBe(201);
  expect((await admin(signing, 'POST', `${A}/entities/${e(signing.url)}/evaluate`)).json.snapshots).toMatchObject([{ state: 'valid' }]);
  await signing.kill('SIGTERM');
  const port = await freePort();
  const server = await startProcess(folder, { port, args: ['--public-only'], env: { HOLDFAST_URL: signing.url } });
  return { server, anchor: signing.url, url: `http://127.0.0.1:${port}` };
}

describe('strangers at a public plane that runs', () => {
  it('reliability 10: 20 000 distinct anonymous questions of many kinds leave its memory where it was', async () => {
    const { server, anchor, url } = await publicPlane();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    onTestFinished(() => agent.destroy());
    const ask = (path: string) =>
      new Promise<number>((resolve, reject) => {
        get(`${url}${path}`, { agent }, (answer) => answer.resume().once('end', () => resolve(answer.statusCode as number))).once('error', reject);
      });
    const pad = 'y'.repeat(1990);
    const long = (n: number, count: number) => Array.from({ length: count }, (_, k) => `entity_type=${pad}${n}_${k}`).join('&');
    const lists: Kind[] = [
      [(n) => `/list?${long(n, 6)}`, 414],
      [(n) => `/list?${long(n, 4)}`, 200],
      [(n) => `/list?entity_type=openid_provider&${long(n, 3)}`, 200],
      [(n) => `/resolve?sub=${e(anchor)}&trust_anchor=${e(anchor)}&junk=${pad}${pad}${pad}${n}`, 200],
      [(n) => `/fetch?sub=${e(MEMBER)}&junk=${pad}${pad}${pad}${n}`, 200],
    ];
    const others: Kind[] = [
      [(n) => `/list?intermediate=true&entity_type=${n}`, 200],
      [(n) => `/list?trust_mark_type=${pad}${n}`, 200],
      [(n) => `/list?junk=${pad}${n}`, 200],
      [(n) => `/.well-known/openid-federation?${n}`, 200],
      [(n) => `/historical-keys?${pad}=${n}`, 200],
      [(n) => `/fetch?${n}&sub=${MEMBER}`, 200],
      [(n) => `/fetch?sub=${e(`https://nobody${n}.example/${pad.slice(0, 1900)}`)}`, 404],
      [(n) => `/resolve?sub=${e(anchor)}&trust_anchor=https://nobody${n}.example&trust_anchor=${e(anchor)}`, 200],
      [(n) => `/trust-mark?trust_mark_type=${e(TYPE)}&sub=${e(MEMBER)}&${n}`, 200],
      [(n) => `/trust-mark-list?trust_mark_type=${pad}${n}`, 200],
      [(n) => `/trust-mark-list?trust_mark_type=${e(TYPE)}&sub=${e(`https://nobody${n}.example`)}`, 200],
      [(n) => `/extended-list?junk=${pad}${n}`, 200],
      [(n) => `/nowhere/${pad}${n}`, 404],
      [(n) => `/readyz?${n}`, 200],
    ];
    const kinds = [...lists, ...lists, ...lists, ...lists, ...lists, ...others];
    const round = async (from: number, to: number) => {
      for (let n = from; n < to; n += 16)
        await Promise.all(
          Array.from({ length: 16 }, async (_, k) => {
            const [path, status] = kinds[(n + k) % kinds.length] as Kind;
            expect(await ask(path(n + k)), path(n + k).slice(0, 60)).toBe(status);
          }),
        );
    };
    await round(0, 1600);
    const warm = residentOf(server);
    await round(1600, 21_600);
    const after = residentOf(server);
    expect(after - warm, `from ${warm.toFixed(0)} to ${after.toFixed(0)} MB`).toBeLessThan(60);
  });

  it('a form without a length, longer than may be, is answered and not read to its end', async () => {
    const { url } = await publicPlane();
    const post = (bytes: number, headers: Record<string, string> = {}) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const sending = request(
          `${url}/trust-mark-status`,
          { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } },
          (answer) => {
            let text = '';
            answer.on('data', (chunk: Buffer) => (text += chunk.toString())).once('end', () => resolve({ status: answer.statusCode as number, text }));
          },
        );
        sending.once('error', reject);
        for (let sent = 0; sent < bytes; sent += 8192) sending.write('x'.repeat(Math.min(8192, bytes - sent)));
        sending.end();
      });
    expect(await post(MAX_FORM_BYTES)).toMatchObject({ status: 400, text: expect.stringContaining('trust_mark is missing') });
    expect(await post(MAX_FORM_BYTES + 1)).toMatchObject({ status: 400, text: expect.stringContaining('more than') });
    expect(await post(10, { 'content-encoding': 'br' })).toMatchObject({ status: 415 });
    expect((await fetch(`${url}/list`)).status).toBe(200);
  });

  it('the host of its URL is understood in every usual spelling, and no other host', async () => {
    const server = await startProcess(tempFolder(), {
      env: {
        HOLDFAST_URL: 'https://ta.example.org',
        HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'),
        HOLDFAST_ADMIN_TOKEN: 'a-token-for-this-test-alone',
      },
    });
    const status = (host: string) =>
      new Promise<number>((resolve, reject) => {
        get(`${server.url}/list`, { headers: { host } }, (answer) => answer.resume().once('end', () => resolve(answer.statusCode as number))).once(
          'error',
          reject,
        );
      });
    for (const host of ['ta.example.org', 'ta.example.org:443', 'TA.example.org', 'ta.example.org.', 'Ta.Example.Org.:443', 'ta.example.org:80'])
      expect(await status(host), host).toBe(200);
    for (const host of ['ta.example.org:8443', 'ta.example.net', 'ta', 'localhost']) expect(await status(host), host).toBe(404);
  });
});
