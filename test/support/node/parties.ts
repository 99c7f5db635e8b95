import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a party says of an event: one line of its standard output. */
export interface Told {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: lines of every shape are looked at
  readonly [member: string]: any;
}

export interface Party {
  readonly ready: Told;
  readonly told: readonly Told[];
  /** A command on standard input, and what came of it. */
  ask(command: object): Promise<Told>;
  stop(): Promise<number | null>;
}

/** Lines that answer a command. */
const ANSWERS = ['tool_call', 'token_done', 'tools', 'answer', 'refused'];
const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));

/** A party of `examples/` as whoever copies its folder runs it. */
export async function startParty(name: string, env: Record<string, string>, later: (end: () => void | Promise<void>) => void): Promise<Party> {
  const child: ChildProcess = spawn(process.execPath, [`${name}.mjs`], {
    cwd: `${EXAMPLES}${name}`,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const told: Told[] = [];
  const waiting: { readonly is: (one: Told) => boolean; readonly found: (one: Told) => void }[] = [];
  if (!child.stdout) throw new Error('no standard output');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const one = JSON.parse(line) as Told;
    told.push(one);
    const at = waiting.findIndex(({ is }) => is(one));
    if (at >= 0) waiting.splice(at, 1)[0]?.found(one);
  });
  const next = (is: (one: Told) => boolean): Promise<Told> =>
    Promise.race([
      new Promise<Told>((found) => waiting.push({ is, found })),
      ended.then((code) => Promise.reject(new Error(`${name} ended with ${code}: ${errors}`))),
    ]);
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  later(async () => void (await stop()));
  const ready = await next(({ event }) => event === 'ready');
  return {
    ready,
    told,
    async ask(command) {
      const answer = next((one) => ANSWERS.includes(one.event) || (one.event === 'verify_resource' && one['trusted'] === false));
      child.stdin?.write(`${JSON.stringify(command)}\n`);
      return answer;
    },
    stop,
  };
}
