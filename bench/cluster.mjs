// Three etcd, three Patroni with PostgreSQL on loopback: one cluster with a synchronous standby, for bench/failover.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const PASSWORD = 'for-loopback-only';
/** PostgreSQL refuses to run as root: nobody runs it then, in folders of its own. */
const ids = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync);

/** Where the programs are, or what is missing and how it is installed. */
export function programs() {
  const debian = existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((a, b) => b - a)
        .map((one) => `/usr/lib/postgresql/${one}/bin`)
    : [];
  const bin =
    process.env.POSTGRES_BIN ?? [onPath('pg_rewind')?.replace(/\/pg_rewind$/, ''), ...debian].find((one) => one && existsSync(join(one, 'pg_rewind')));
  const found = { etcd: process.env.ETCD ?? onPath('etcd'), patroni: process.env.PATRONI ?? onPath('patroni'), bin };
  const missing = [];
  if (!found.etcd || !existsSync(found.etcd)) missing.push('etcd: apt-get install etcd-server, or set ETCD to the program');
  if (!found.patroni || !existsSync(found.patroni))
    missing.push("Patroni 4.1 or newer: pip install 'patroni[etcd3]>=4.1' 'psycopg[binary]', or set PATRONI to the program");
  if (!bin || !existsSync(join(bin, 'pg_rewind')))
    missing.push('PostgreSQL 15 or newer with pg_rewind and pg_basebackup: apt-get install postgresql, or set POSTGRES_BIN to its folder');
  const [, major = '0'] =
    found.patroni && existsSync(found.patroni) ? (/(\d+)\.\d+/.exec(spawnSync(found.patroni, ['--version'], { encoding: 'utf8' }).stdout) ?? []) : [];
  if (!missing.length && Number(major) < 4) missing.push(`Patroni 4.1 or newer: this is ${major}, and older ones lose commits when a leader freezes`);
  return missing.length ? { missing } : found;
}

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
const children = (pid) =>
  spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);
function signal(pids, name) {
  for (const pid of pids)
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
}

export async function startCluster({ etcd, patroni, bin }) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-failover-'));
  const own = (path) => ids.uid !== undefined && chownSync(path, ids.uid, ids.gid);
  own(folder);
  const started = new Set();
  let broken;
  const run = (name, program, args, env = {}) => {
    const log = openSync(join(folder, `${name}.log`), 'a');
    const child = spawn(program, args, {
      ...ids,
      cwd: folder,
      stdio: ['ignore', log, log],
      env: { PATH: `${bin}:${process.env.PATH}`, HOME: folder, LC_ALL: 'C', ...env },
    });
    started.add(child);
    child.once('exit', () => started.delete(child));
    child.once('error', (error) => {
      started.delete(child);
      broken = new Error(`${program} does not start: ${error.message}${ids.uid === undefined ? '' : '; it is run as nobody, who has to be able to read it'}`);
    });
    return child;
  };

  const peers = await Promise.all([1, 2, 3].map(async (n) => ({ name: `e${n}`, client: await freePort(), peer: await freePort() })));
  for (const { name, client, peer } of peers)
    run(name, etcd, [
      ...['--name', name, '--data-dir', join(folder, name), '--heartbeat-interval', '250', '--election-timeout', '2500', '--logger', 'zap'],
      ...['--listen-client-urls', `http://127.0.0.1:${client}`, '--advertise-client-urls', `http://127.0.0.1:${client}`],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
      ...['--initial-cluster', peers.map((one) => `${one.name}=http://127.0.0.1:${one.peer}`).join(','), '--initial-cluster-state', 'new'],
    ]);

  const roles = {
    superuser: { username: 'postgres', password: PASSWORD },
    replication: { username: 'replicator', password: PASSWORD },
    rewind: { username: 'rewinder', password: PASSWORD },
  };
  const nodes = await Promise.all(
    [1, 2, 3].map(async (n) => ({ name: `n${n}`, port: await freePort(), rest: await freePort(), data: join(folder, `n${n}`, 'data') })),
  );
  for (const node of nodes) {
    mkdirSync(join(folder, node.name));
    own(join(folder, node.name));
    const config = {
      scope: 'holdfast',
      name: node.name,
      restapi: { listen: `127.0.0.1:${node.rest}`, connect_address: `127.0.0.1:${node.rest}` },
      etcd3: { hosts: peers.map(({ client }) => `127.0.0.1:${client}`) },
      bootstrap: {
        dcs: {
          ttl: 20,
          loop_wait: 3,
          retry_timeout: 8,
          synchronous_mode: true,
          synchronous_mode_strict: true,
          postgresql: { use_pg_rewind: true, parameters: { max_connections: 60, wal_keep_size: '256MB', shared_buffers: '64MB' } },
        },
        initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
      },
      postgresql: {
        listen: `127.0.0.1:${node.port}`,
        connect_address: `127.0.0.1:${node.port}`,
        data_dir: node.data,
        bin_dir: bin,
        pgpass: join(folder, node.name, 'pgpass'),
        authentication: roles,
        parameters: { unix_socket_directories: join(folder, node.name) },
        pg_hba: ['local all all trust', 'host replication replicator 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256'],
      },
      watchdog: { mode: 'off' },
    };
    writeFileSync(join(folder, `${node.name}.yml`), JSON.stringify(config));
    own(join(folder, `${node.name}.yml`));
  }
  const start = (node) => {
    node.patroni = run(node.name, patroni, [join(folder, `${node.name}.yml`)]);
  };
  for (const node of nodes) start(node);

  /** Patroni, PostgreSQL and what they have started: a machine. */
  function machine(node) {
    const file = join(node.data, 'postmaster.pid');
    const postmaster = existsSync(file) ? [Number(readFileSync(file, 'utf8').split('\n')[0])] : [];
    return [node.patroni.pid, ...postmaster].filter(Boolean).flatMap((pid) => [pid, ...children(pid).flatMap((one) => [one, ...children(one)])]);
  }
  async function view() {
    for (const { rest } of nodes) {
      const answer = await fetch(`http://127.0.0.1:${rest}/cluster`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
      if (answer?.ok) return (await answer.json()).members ?? [];
    }
    return [];
  }
  const good = ({ role, state }) => (role === 'leader' ? state === 'running' : state === 'streaming');
  return {
    folder,
    password: PASSWORD,
    url: (role, database) => `postgres://${role}@${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${database}`,
    leader: async () => {
      const name = (await view()).find(({ role }) => role === 'leader')?.name;
      return nodes.find((one) => one.name === name);
    },
    /** Until all three are there, one of them a synchronous standby. */
    async whole(seconds = 180) {
      for (const until = performance.now() + seconds * 1000; performance.now() < until; await pause(500)) {
        if (broken) throw broken;
        const members = await view();
        if (members.length === 3 && members.every(good) && members.some(({ role }) => role === 'sync_standby')) return;
      }
      throw new Error(`the cluster is not whole after ${seconds} s: ${JSON.stringify(await view())}; the logs are in ${folder}`);
    },
    kill: (node) => signal(machine(node), 'SIGKILL'),
    start,
    async freeze(node, ms) {
      const all = machine(node);
      signal(all, 'SIGSTOP');
      try {
        await pause(ms);
      } finally {
        signal(all, 'SIGCONT');
      }
    },
    async stop({ keep = false } = {}) {
      const all = nodes.flatMap(machine);
      signal(all, 'SIGCONT');
      signal([...all, ...[...started].map(({ pid }) => pid)], 'SIGKILL');
      await pause(500);
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
}
