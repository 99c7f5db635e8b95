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
  /** The next line of one of these events. */
  next(...events: readonly string[]): Promise<Told>;
  /** A command on standard input, and what came of it. */
  ask(command: object): Promise<Told>;
  stop(): Promise<number | null>;
}

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
  const waiting: { readonly events: readonly string[]; readonly found: (one: Told) => void }[] = [];
  if (!child.stdout) throw new Error('no standard output');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const one = JSON.parse(line) as Told;
    told.push(one);
    const at = waiting.findIndex(({ events }) => events.includes(one.event));
    if (at >= 0) waiting.splice(at, 1)[0]?.found(one);
  });
  const next = (...events: readonly string[]): Promise<Told> =>
    Promise.race([
      new Promise<Told>((found) => waiting.push({ events, found })),
      ended.then((code) => Promise.reject(new Error(`${name} ended with ${code}: ${errors}`))),
    ]);
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  later(async () => void (await stop()));
  const ready = await next('ready');
  return {
    ready,
    told,
    next,
    async ask(command) {
      const answer = next('tool_call', 'token_done', 'tools', 'answer', 'refused');
      child.stdin?.write(`${JSON.stringify(command)}\n`);
      return answer;
    },
    stop,
  };
}
