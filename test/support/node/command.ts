import { runProgram } from '../../../src/platform/program.node.js';
import type { Finished } from '../process.js';

type Write = typeof process.stdout.write;

/** Keep what is written to a stream, until it is given back. */
function kept(stream: NodeJS.WriteStream): () => string {
  const { write } = stream;
  const chunks: Buffer[] = [];
  stream.write = ((chunk: string | Uint8Array) => {
    chunks.push(Buffer.from(chunk as Uint8Array));
    return true;
  }) as Write;
  return () => {
    stream.write = write;
    return Buffer.concat(chunks).toString();
  };
}

/** Each command is a process elsewhere, with connections of its own: one that another left idle may be closed as it is used. */
const fetchOnce =
  (fetching: typeof fetch): typeof fetch =>
  (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('connection', 'close');
    return fetching(input, { ...init, headers });
  };

async function alone(args: readonly string[], env: Record<string, string>): Promise<Finished> {
  const before = { env: process.env, exitCode: process.exitCode, fetch: globalThis.fetch };
  process.env = { PATH: before.env['PATH'] ?? '', NO_COLOR: '1', ...env };
  globalThis.fetch = fetchOnce(before.fetch);
  const [stdout, stderr] = [kept(process.stdout), kept(process.stderr)];
  try {
    const { code } = await runProgram(args);
    return { code, stdout: stdout(), stderr: stderr() };
  } finally {
    stdout();
    stderr();
    process.env = before.env;
    globalThis.fetch = before.fetch;
    process.exitCode = before.exitCode;
  }
}

let last: Promise<unknown> = Promise.resolve();
/**
 * One command of the command line, in this process: as `run` of process.ts, without starting one, which takes half a second.
 * Nothing can be typed and no signal sent. One at a time: the streams and the environment are the process's own.
 */
export function command(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const finished = last.then(() => alone(args, env));
  last = finished.catch(() => undefined);
  return finished;
}
