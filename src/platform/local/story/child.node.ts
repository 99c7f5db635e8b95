import { type ChildProcess, spawn } from 'node:child_process';

/** One line of JSON that a party writes of each decision and act. */
export interface Said {
  readonly event: string;
  readonly [member: string]: unknown;
}

/** A party as a process of its own. */
export interface Child {
  readonly name: string;
  /** What it has said so far, in order. */
  readonly said: readonly Said[];
  /** What it wrote to standard error, for people. Standard output may hold a token. */
  readonly notes: () => string;
  /** The first thing it says that matches, from a place in `said` on. @throws ChildFailed when it ends, or has not said it in time */
  until(matches: (one: Said) => boolean, what: string, from?: number, seconds?: number): Promise<Said>;
  /** One line of JSON to its standard input. */
  tell(command: object): void;
  /** SIGTERM, and SIGKILL to one that is still there after three seconds. Returns once it is gone. */
  stop(): Promise<void>;
}

/** A party that ended, or did not say what was waited for: with what it wrote for people. */
export class ChildFailed extends Error {
  constructor(
    readonly child: string,
    what: string,
    readonly notes: string,
  ) {
    super(`${child}: ${what}`);
  }
}

const MAX_NOTES = 16_000;
const MAX_LINE = 1_000_000;
const SECONDS = 60;
const GRACE_MS = 3000;

function parsed(line: string): Said | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as Partial<Said>;
    return typeof value.event === 'string' ? (value as Said) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Start a script with Node. Nothing of the surrounding environment reaches it but where programs are found.
 * @param plain standard output is for people: it is said as `{event: "line", text}`
 */
export function startChild(
  name: string,
  script: string,
  { args = [], env, plain = false }: { args?: readonly string[]; env: NodeJS.ProcessEnv; plain?: boolean },
): Child {
  // Its own group: Ctrl-C is for whoever started it, who ends it in order.
  const child: ChildProcess = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], SystemRoot: process.env['SystemRoot'], NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  const said: Said[] = [];
  const waiting = new Set<() => void>();
  let notes = '';
  let rest = '';
  let ended: string | undefined;
  const note = (text: string): void => {
    notes = `${notes}${text}`.slice(-MAX_NOTES);
  };
  const wake = (): void => {
    for (const one of [...waiting]) one();
  };
  child.stderr?.on('data', (chunk: Buffer) => note(chunk.toString()));
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) {
      const one = plain ? { event: 'line', text: line } : parsed(line);
      if (one) said.push(one);
    }
    wake();
  });
  // Written to after its end: the end itself is what is told.
  child.stdin?.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended ??= `could not be started: ${error.message}`;
      wake();
      resolve();
    });
    child.once('close', (code, signal) => {
      ended ??= signal === null ? `ended with ${code}` : `ended by ${signal}`;
      wake();
      resolve();
    });
  });

  return {
    name,
    said,
    notes: () => notes,
    until: (matches, what, from = 0, seconds = SECONDS) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void): void => {
          clearTimeout(late);
          waiting.delete(look);
          act();
        };
        const look = (): void => {
          const found = said.slice(from).find(matches);
          if (found) finish(() => resolve(found));
          else if (ended !== undefined) finish(() => reject(new ChildFailed(name, `${ended}, before ${what}`, notes)));
        };
        const late = setTimeout(() => finish(() => reject(new ChildFailed(name, `${what}: not within ${seconds} s`, notes))), seconds * 1000);
        waiting.add(look);
        look();
      }),
    tell: (command) => void child.stdin?.write(`${JSON.stringify(command)}\n`),
    async stop() {
      if (ended !== undefined) return;
      child.kill('SIGTERM');
      const hard = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await gone;
      clearTimeout(hard);
    },
  };
}
