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

async function alone(args: readonly string[], env: Record<string, string>): Promise<Finished> {
  const before = { env: process.env, exitCode: process.exitCode };
  process.env = { PATH: before.env['PATH'] ?? '', NO_COLOR: '1', ...env };
  const [stdout, stderr] = [kept(process.stdout), kept(process.stderr)];
  try {
    const { code } = await runProgram(args);
    return { code, stdout: stdout(), stderr: stderr() };
  } finally {
    stdout();
    stderr();
    process.env = before.env;
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
