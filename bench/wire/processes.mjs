// Servers as processes of their own, pinned where that can be done, and what they cost.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { fileURLToPath } from 'node:url';

const found = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).error === undefined;
export const canPin = process.platform === 'linux' && found('taskset', '--version');
export const hasWrk = found('wrk', '-v');

const pinned = (cpu, command) => (canPin ? ['taskset', '-c', String(cpu), ...command] : command);

/**
 * Start a server on processor 0.
 * @param ready finds its port in what it has said; undefined: not yet
 * @param anywhere on whichever processor is free
 */
export async function server(name, command, { env = {}, ready, cwd, anywhere = false }) {
  const [program, ...args] = anywhere ? command : pinned(0, command);
  // Its log goes where it costs nobody: read here, it would take the generator's processor.
  const log = openSync(devNull, 'w');
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', log], cwd });
  closeSync(log);
  let said = '';
  const port = await new Promise((resolve, reject) => {
    const hear = (chunk) => {
      said += chunk;
      const port = ready(said);
      if (port !== undefined) resolve(port);
    };
    child.stdout.on('data', hear);
    child.once('close', () => reject(new Error(`${name} ended: ${said.slice(-2000)}`)));
  });
  return {
    name,
    port,
    pid: child.pid,
    anywhere,
    /** Seconds of processor time that it and its workers took since they began. */
    cpu: () => sum(family(child.pid).map(cpuOf)),
    /** MB resident, in all. */
    memory: () => sum(family(child.pid).map((pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000)),
    kill: () => child.kill('SIGKILL'),
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'close');
    },
  };
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const family = (pid) => [pid, ...(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [])];

const TICKS = 100;
function cpuOf(pid) {
  const after = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(after[11]) + Number(after[12])) / TICKS;
}

/** Run the generator against a port, on processor 1 where the server is on 0. @returns requests a second, p99 in milliseconds, microseconds of the server's processor a request */
export async function load(target, path, { seconds, connections = 32, host, script, headers = {} }) {
  const url = `http://127.0.0.1:${target.port}${path}`;
  const more = Object.entries({ Host: host, ...headers })
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const before = target.cpu();
  const generator = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...more, ...(script ? ['-s', script] : []), url];
  const [program, ...args] = target.anywhere ? generator : pinned(1, generator);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  await once(child, 'close');
  const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(said) ?? [];
  if (rate === undefined) throw new Error(`the generator said: ${said}`);
  const [, number, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(said) ?? [];
  const [, total] = /(\d+) requests in/.exec(said) ?? [];
  const [, failed] = /Non-2xx or 3xx responses: (\d+)/.exec(said) ?? [];
  if (failed !== undefined) throw new Error(`${target.name}${path}: ${failed} of ${total} answers were errors`);
  return { rate: Number(rate), p99: Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit], cpu: ((target.cpu() - before) * 1e6) / Number(total) };
}

/** Ask for random members at a steady rate, on processor 1 where the server is on 0 (paced.mjs). @returns p50, p99 and the worst in milliseconds */
export async function paced(target, { host, rate, seconds, members }) {
  const file = fileURLToPath(new URL('paced.mjs', import.meta.url));
  const [program, ...args] = pinned(1, [process.execPath, file, target.port, host, rate, seconds, members].map(String));
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  await once(child, 'close');
  const found = JSON.parse(said);
  if (found.failed) throw new Error(`${target.name}: ${found.failed} answers were errors`);
  return found;
}
