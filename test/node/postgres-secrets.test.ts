import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres } from '../../src/store/postgres/store.postgres.node.js';
import { saidOf, StoreRefused, troubleIn } from '../../src/store/trouble.js';
import { createDatabase, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';
import { act, type TestServer } from '../support/postgres-store.js';
import { freePort } from '../support/process.js';

const PASSWORD = 'p@ss/w:rd?#%&é ';
let server: TestServer;
let plain: TestServer;
let port: number;
let plainPort: number;
let folder: string;
let ca: string;
let other: string;

async function certificate(folder: string, name: string, host: string) {
  const pair = await generate([{ name: 'commonName', value: host }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: host }] }],
  });
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.private, { mode: 0o600 });
  return { cert, key };
}
/** Over the network with a password only, as SCRAM asks for it. */
const HBA = 'local all postgres trust\nhost nobody all all reject\nhost all all all scram-sha-256\n';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  [port, plainPort] = [await freePort(), await freePort()];
  const own = await certificate(folder, 'server', 'localhost');
  [ca, other] = [own.cert, (await certificate(folder, 'other', 'localhost')).cert];
  server = await startPostgres(['listen_addresses=127.0.0.1', `port=${port}`, 'ssl=on', 'password_encryption=scram-sha-256'], (data) => {
    copyFileSync(own.cert, join(data, 'server.crt'));
    copyFileSync(own.key, join(data, 'server.key'));
    chmodSync(join(data, 'server.key'), 0o600);
    writeFileSync(join(data, 'pg_hba.conf'), HBA);
  });
  plain = await startPostgres(['listen_addresses=127.0.0.1', `port=${plainPort}`], (data) => writeFileSync(join(data, 'pg_hba.conf'), HBA));
  for (const [one, at] of [
    [server, port],
    [plain, plainPort],
  ] as const) {
    const root = one.url('postgres').replace(/\/postgres$/, `:${at}/postgres`);
    await createDatabase(root, 'registry');
    await onServer(root, (on) => on.script(`ALTER ROLE holdfast PASSWORD '${PASSWORD}'; CREATE ROLE guest LOGIN PASSWORD '${PASSWORD}'`));
  }
});
afterAll(async () => {
  await server.stop();
  await plain.stop();
  rmSync(folder, { recursive: true });
});

interface Asked {
  readonly user?: string;
  readonly host?: string;
  readonly at?: number;
  readonly database?: string;
  readonly tls?: string;
  readonly password?: string;
}
const serversFor = ({
  user = 'holdfast',
  host = 'localhost',
  at = port,
  database = 'registry',
  tls = `?sslmode=verify-full&sslrootcert=${ca}`,
  password = PASSWORD,
}: Asked) => serversOf(`postgres://${user}@${host}:${at}/${database}${tls}`, password);

describe('TLS and passwords', () => {
  it('with the right certificate and password: encrypted, by SCRAM; and by a password in the URL', async () => {
    await migratePostgres(serversFor({}), 'drizzle/postgres');
    const store = openPostgres(serversFor({}), () => 1000, { readers: 1 });
    onTestFinished(() => store.close());
    expect(await act(store, 'one')).toBe('done');
    const { rows } = await store.pool.query(
      "SELECT ssl, version, rolpassword LIKE 'SCRAM-SHA-256%' FROM pg_stat_ssl, pg_roles WHERE pid = pg_backend_pid() AND rolname = current_user",
    );
    expect(rows[0]?.slice(0, 2)).toEqual([1, 'TLSv1.3']);
    const inUrl = openPostgres(
      serversOf(`postgres://holdfast:${encodeURIComponent(PASSWORD)}@localhost:${port}/registry?sslmode=verify-full&sslrootcert=${ca}`),
      () => 1000,
      { readers: 1 },
    );
    onTestFinished(() => inUrl.close());
    expect(await act(inUrl, 'two')).toBe('done');
  });
  it.each<[string, Asked & { readonly to?: 'plain' }, RegExp]>([
    ['a wrong password', { password: 'wrong-one' }, /password authentication failed.*HOLDFAST_DATABASE_PASSWORD/s],
    ['no password', { password: '' }, /HOLDFAST_DATABASE_PASSWORD/],
    ['a role that does not exist', { user: 'nobody' }, /password authentication failed.*HOLDFAST_DATABASE_PASSWORD/s],
    ['a database that does not exist', { database: 'missing' }, /database "missing" does not exist.*CREATE/s],
    ['a database that lets nobody in', { database: 'nobody' }, /pg_hba/],
    ['a role that may not make tables', { user: 'guest', database: 'registry' }, /permission denied.*owner/s],
    ['a certificate of nobody that is trusted', { tls: '?sslmode=verify-full' }, /self-signed certificate.*sslrootcert/s],
    ['a certificate of another', { tls: 'other' }, /certificate.*sslrootcert/s],
    ['a certificate for another name', { host: '127.0.0.1' }, /127\.0\.0\.1.*name/s],
    ['a server without TLS', { to: 'plain' }, /speaks no TLS/],
  ])('%s: refused at once, with what to do, without the password', async (_, { to, ...asked }, words) => {
    const servers = serversFor({ ...asked, ...(asked.tls === 'other' && { tls: `?sslmode=verify-full&sslrootcert=${other}` }), ...(to && { at: plainPort }) });
    const store = openPostgres(servers, () => 1000, { readers: 1 });
    onTestFinished(() => store.close());
    const begun = performance.now();
    const told = await Promise.all([
      migratePostgres(servers, 'drizzle/postgres').catch((error: unknown) => error),
      act(store, 'x').catch((error: unknown) => error),
      store.probe().catch((error: unknown) => error),
    ]);
    // Its patience is a minute.
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(told[0]).toBeInstanceOf(StoreRefused);
    for (const error of told) {
      expect(troubleIn(error)).toBe('refused');
      expect(saidOf(error)).toMatch(words);
      const all = inspect(error, { depth: 8 });
      for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'wrong-one']) expect(all).not.toContain(secret);
    }
  });
  it('where one of two servers refuses and the other is away it is refused; where the other is a standby it is waited for', async () => {
    const wrong = serversFor({ password: 'wrong' });
    const away = serversFor({ at: await freePort() });
    const told = async (servers: ReturnType<typeof serversOf>) => {
      const store = openPostgres(servers, () => 1000, { readers: 1, patienceMs: 200 });
      onTestFinished(() => store.close());
      return troubleIn(await store.probe().catch((error: unknown) => error));
    };
    expect(await told([...wrong, ...away])).toBe('refused');
    const reading = await startPostgres(['default_transaction_read_only=on']);
    onTestFinished(() => reading.stop());
    expect(await told([...wrong, ...serversOf(reading.url('postgres'))])).toBe('unreachable');
    expect(await told(away)).toBe('unreachable');
  });
  it('a URL that cannot be read says why, and nothing of itself', () => {
    for (const [url, words] of [
      [`postgres://holdfast:${PASSWORD}@a/b`, /not a URL|cannot be read/],
      ['postgres://holdfast:secret@a:port/b', /cannot be read/],
      ['postgres://holdfast:secret@a/b?sslmode=verify-full&sslrootcert=/nowhere.pem', /\/nowhere\.pem.*ENOENT/],
      ['postgres://holdfast:secret@a/b?options=-c%20search_path=x', /may not set options/],
      ['postgres://holdfast:secret@a/b?password=secret', /may not set password/],
      ['postgres://holdfast:se?cret@a/b', /cannot be read/],
      ['mysql://holdfast:secret@a/b', /not a URL of PostgreSQL/],
    ] as const) {
      let told: unknown;
      try {
        serversOf(url);
      } catch (error) {
        told = error;
      }
      expect(String(told), url).toMatch(words);
      expect(`${String(told)}${JSON.stringify(told)}`).not.toMatch(/s?e?cret|p@ss/);
    }
  });
});
