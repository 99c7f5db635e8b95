// Starts the Worker with wrangler's local runtime and a local D1, enrols a member, fetches its statement, suspends it.
// wrangler needs a newer Node than 20: it is taken from the npm package `node` for this command alone.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, compactVerify, exportJWK, generateKeyPair, importJWK } from 'jose';

const root = new URL('../..', import.meta.url).pathname;
const state = mkdtempSync(join(tmpdir(), 'holdfast-smoke-'));
const token = 'smoke-owner-token-on-loopback';
const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address();
    probe.close(() => resolve(free));
  });
});
const url = `http://localhost:${port}`;
const vars = join(state, 'vars.env');
writeFileSync(vars, `HOLDFAST_SEAL_KEY="${Buffer.alloc(32, 7).toString('base64')}"\nHOLDFAST_ADMIN_TOKEN="${token}"\n`, { mode: 0o600 });
const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false' };
const wrangler = (...args) =>
  spawn('npx', ['-y', '-p', 'node@24', 'node', 'node_modules/wrangler/bin/wrangler.js', ...args], { cwd: root, env, detached: true });
const finished = (child) => new Promise((resolve) => child.once('close', resolve));

let said = '';
const listen = (child) => {
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  return child;
};
function check(holds, what) {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${what}`);
  if (!holds) throw new Error(what);
}

let dev;
try {
  check(
    (await finished(listen(wrangler('d1', 'migrations', 'apply', 'holdfast', '--local', '--persist-to', state)))) === 0,
    'migrations are applied to a local D1',
  );
  dev = listen(wrangler('dev', '--local', '--port', String(port), '--persist-to', state, '--var', `HOLDFAST_URL:${url}`, '--env-file', vars));
  for (let n = 0; n < 240; n++) {
    if (
      await fetch(`${url}/healthz`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      break;
    await new Promise((done) => setTimeout(done, 250));
  }
  const admin = (method, path, body) =>
    fetch(`${url}/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  const { publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const member = 'https://rp.example.com';
  const enrolled = await admin('POST', '/authorities/main/members', {
    entity_id: member,
    jwks: { keys: [{ ...jwk, kid: await calculateJwkThumbprint(jwk) }] },
    activate: true,
  });
  check(enrolled.status === 201, 'a member is enrolled over the admin API');
  const configuration = JSON.parse(Buffer.from((await (await fetch(`${url}/.well-known/openid-federation`)).text()).split('.')[1], 'base64url').toString());
  const answer = await fetch(`${url}/fetch?sub=${encodeURIComponent(member)}`);
  await compactVerify(await answer.text(), await importJWK(configuration.jwks.keys[0], 'ES256'));
  check(answer.headers.get('content-type') === 'application/entity-statement+jwt', 'its statement is fetched and verifies with jose');
  await admin('POST', `/authorities/main/members/${encodeURIComponent(member)}/suspend`, { reason: 'smoke' });
  check((await fetch(`${url}/fetch?sub=${encodeURIComponent(member)}`)).status === 404, 'after suspension there is none');
  check((await finished(listen(wrangler('deploy', '--dry-run', '--outdir', join(state, 'bundle'))))) === 0, 'a deploy dry run builds the bundle');
} catch (error) {
  console.error(said.slice(-4000));
  console.error(error.message);
  process.exitCode = 1;
} finally {
  // npx leaves node and workerd behind: the whole group goes.
  if (dev?.pid) {
    try {
      process.kill(-dev.pid, 'SIGKILL');
    } catch {
      // ended already
    }
  }
  rmSync(state, { recursive: true, force: true });
}
