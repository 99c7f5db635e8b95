import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { onTestFinished } from 'vitest';
import { findBun } from './find-bun.mjs';

export const MAIN = new URL('../../dist/platform/main.node.js', import.meta.url).pathname;
export const VERIFIER = new URL('../../examples/verify-chain.mjs', import.meta.url).pathname;

export const RESOLVE_VERIFIER = new URL('../../examples/verify-resolve.mjs', import.meta.url).pathname;

/** Below those that systems give away by themselves, to whoever listens at 0 and to connections that go out: none of them comes between. */
const PORTS = { first: 20_000, count: 12_000 };
/** Until this process ends no other test is given the number: its UDP port, which nobody here serves, is taken. */
const reserved = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const mark = createSocket('udp4').unref();
    mark.once('error', () => mark.close(() => resolve(false))).bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** A port at which nobody listens, and that no other test is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if ((await reserved(port)) && (await isFree(port))) return port;
  }
}

/** When what a test began is ended: with the test, or by whoever shares it among several (`shared`). */
type Later = (end: () => void | Promise<void>) => void;

/** What the tests of a file share: ended in the reverse order of its beginning, by `end` in an `afterAll`. */
export function shared(): { readonly later: Later; readonly end: () => Promise<void> } {
  const ends: (() => void | Promise<void>)[] = [];
  return {
    later: (end) => void ends.push(end),
    end: async () => {
      for (const end of ends.reverse()) await end();
    },
  };
}

export function tempFolder(later: Later = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-process-'));
  // Whoever was killed may have left a process that writes there for a moment more.
  later(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** A self-signed certificate for `localhost`, as the files that a server and its clients are given. */
export async function localhostCertificate(folder: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.private, { mode: 0o600 });
  return { cert, key };
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a script of ours (or the verifier) to its end. Nothing of the surrounding environment's HOLDFAST_* leaks in. */
export function run(args: readonly string[], env: Record<string, string> = {}, script = MAIN, program = process.execPath): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(program, [script, ...args], { env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end();
  });
}

export interface Server {
  readonly url: string;
  readonly env: Record<string, string>;
  readonly child: ChildProcess;
  readonly banner: string;
  readonly token: string;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Flags in front of the script: Bun reads a `.env` and fetches packages that are missing, unless it is told not to. */
const BUN_FLAGS = ['--no-env-file', '--no-install'];

/** Bun, with what is put in front of a script. @throws Error where it is not there */
export function bun(): readonly string[] {
  const found = findBun();
  if (found === undefined)
    throw new Error('Bun is not there: npm ci brings it with the optional packages (not with --omit=optional), or HOLDFAST_BUN names one');
  return [found, ...BUN_FLAGS];
}

/** `npm run test:bun`: every public plane of its own that a test starts runs on Bun. */
const PUBLIC_ON_BUN = process.env['PUBLIC_PLANE'] === 'bun';

/** A real server process, ready to answer. @param on what runs the program, by default this Node */
export async function startProcess(
  folder: string,
  {
    port,
    args = [],
    env = {},
    later = onTestFinished,
    on = PUBLIC_ON_BUN && args.includes('--public-only') ? bun() : [process.execPath],
  }: { port?: number; args?: readonly string[]; env?: Record<string, string>; later?: Later; on?: readonly string[] } = {},
): Promise<Server> {
  const number = port ?? (await freePort());
  const url = `http://localhost:${number}`;
  const all = {
    PATH: process.env['PATH'] ?? '',
    HOLDFAST_PORT: String(number),
    HOLDFAST_DATA: folder,
    HOLDFAST_LOG: 'error',
    HOLDFAST_DISCOVERY: 'off',
    ...env,
  };
  const [program, ...flags] = on as readonly [string, ...string[]];
  const child = spawn(program, [...flags, MAIN, 'serve', ...args], { env: all });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/ready after|it holds no key/.test(said)) resolve();
    });
    ended.then((code) => reject(new Error(`the server ended with ${code}: ${said}`)), reject);
  });
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  later(async () => void (child.exitCode === null && child.signalCode === null && (await kill('SIGKILL'))));
  let token = '';
  try {
    token = (JSON.parse(readFileSync(join(folder, 'cli.json'), 'utf8')) as { token: string }).token;
  } catch {
    // given by environment
  }
  return { url, env: all, child, banner: said, token, kill };
}

export async function admin(server: Pick<Server, 'url' | 'token'>, method: string, path: string, body?: unknown) {
  const response = await fetch(`${server.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  return { status: response.status, json: (await response.json()) as any };
}
