import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { fsck } from '../../src/operations/fsck.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { evidenceIn, hashOf, sweepPartial } from '../../src/store/evidence-files.node.js';
import { MAX_EVIDENCE_BYTES } from '../../src/store/evidence-files.js';
import { NOW, testDeployment } from '../support/deployment.js';

const A = '/admin/v1/authorities/main';
const MIB = 1024 * 1024;

async function withFiles() {
  const d = await testDeployment();
  const folder = join(mkdtempSync(join(tmpdir(), 'holdfast-evidence-')), 'evidence');
  onTestFinished(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  const deployment = { ...d.deployment, evidence: evidenceIn(folder) };
  const app = createAdminApp(() => deployment);
  const ask = (method: string, path: string, init: RequestInit & { token?: string } = {}) =>
    app.request(`http://admin.test${A}${path}`, {
      method,
      ...init,
      headers: { authorization: `Bearer ${init.token ?? d.token}`, ...(init.headers as Record<string, string>) },
      ...({ duplex: 'half' } as object),
    }) as Promise<Response>;
  const json = (method: string, path: string, body: object) =>
    ask(method, path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  await json('POST', '/organizations', { legal_name: 'Bank A' });
  const made = await json('POST', '/accreditations', { organization: 'Bank A', kind: 'iso27001', issuer: 'Certifier AG' });
  const { id } = (await made.json()) as { id: string };
  const upload = (
    body: string | Uint8Array | ReadableStream<Uint8Array>,
    { query = '', headers = {}, token }: { query?: string; headers?: Record<string, string>; token?: string } = {},
  ) =>
    ask('POST', `/evidence/uploads?accreditation=${id}${query}`, {
      headers: { 'content-type': 'application/octet-stream', ...headers },
      body: body as never,
      ...(token !== undefined && { token }),
    });
  return { d, deployment, folder, ask, json, id, upload, left: () => (existsSync(folder) ? readdirSync(folder) : []) };
}

/** So many bytes, made as they are asked for; fails after some where it is broken off. */
const stream = (bytes: number, breaksAt = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> => {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= breaksAt) return controller.error(new Error('the connection is gone'));
      if (sent >= bytes) return controller.close();
      sent += MIB;
      return controller.enqueue(new Uint8Array(MIB));
    },
  });
};

it('what is declared or turns out too large is cut, what breaks off leaves nothing, and no name is a path', async () => {
  const { d, deployment, upload, left, folder, id } = await withFiles();
  const declared = await upload('x', { headers: { 'content-length': String(2 * 1024 * MIB) } });
  expect([declared.status, left()]).toEqual([413, []]);
  const endless = await upload(stream(2 * 1024 * MIB));
  expect([endless.status, ((await endless.json()) as { code: string }).code, left()]).toEqual([413, 'payload_too_large', []]);
  expect([(await upload(stream(20 * MIB, 3 * MIB))).status, left()]).toEqual([400, []]);
  for (const name of ['../../etc/passwd', 'a/b', '..', 'a\\b', 'a%0Ab'])
    expect([name, (await upload('x', { query: `&name=${name.includes('%') ? name : encodeURIComponent(name)}` })).status]).toEqual([name, 400]);
  expect(left()).toEqual([]);
  for (const [headers, status] of [
    [{ 'content-type': 'text/html' }, 415],
    [{ 'idempotency-key': 'k' }, 400],
  ] as const)
    expect((await upload('x', { headers })).status).toBe(status);
  const { evidence: _, ...without } = deployment;
  const nowhere = await createAdminApp(() => without).request(`http://admin.test${A}/evidence/uploads?accreditation=${id}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/octet-stream' },
    body: 'x',
  });
  expect(((await nowhere.json()) as { detail: string }).detail).toContain('--uri');
  // A process that ended in the middle: swept once it is surely over.
  const taken = await evidenceIn(folder).take(
    stream(MIB) as never,
    async (file) => file,
    async () => true,
  );
  for (const name of ['old.partial', 'new.partial']) writeFileSync(join(folder, name), 'half');
  utimesSync(join(folder, 'old.partial'), 1, 1);
  sweepPartial(folder, Date.now());
  expect(left().toSorted()).toEqual([taken.sha256, 'new.partial'].toSorted());
  await expect(evidenceIn(folder).open('../../etc/passwd')).resolves.toBeUndefined();
  expect(MAX_EVIDENCE_BYTES, id).toBe(25 * MIB);
});

it('it is given back as bytes that no browser shows, to whoever may, with an event; fsck finds what is missing or changed; it ends', async () => {
  const { d, deployment, folder, ask, json, upload, left, id } = await withFiles();
  const html = '<!doctype html><script>alert(document.domain)</script>';
  const zip = Buffer.from('PK\u0003\u0004'.padEnd(64, '\0'));
  const one = (await (await upload(html, { query: '&name=page.html&media_type=text/html&classification=secret' })).json()) as Record<string, string>;
  const again = (await (await upload(html)).json()) as Record<string, string>;
  const two = (await (await upload(zip, { query: '&media_type=application/zip' })).json()) as Record<string, string>;
  expect([again['id'], left().length]).toEqual([one['id'], 2]);
  const read = (token?: string) => ask('GET', `/evidence/${one['id']}/content`, { headers: { accept: 'text/html' }, ...(token !== undefined && { token }) });
  const given = await read(await d.tokenFor('auditor'));
  expect([given.status, await given.text()]).toEqual([200, html]);
  expect(Object.fromEntries(['content-type', 'content-disposition', 'x-content-type-options'].map((name) => [name, given.headers.get(name)]))).toEqual({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename="evidence.bin"',
    'x-content-type-options': 'nosniff',
  });
  expect(given.headers.get('content-security-policy')).toContain('sandbox');
  expect((await read(await d.tokenFor('responder'))).status).toBe(403);
  expect((await d.rows("SELECT type FROM event WHERE subject_kind = 'evidence' ORDER BY seq")).map(({ type }) => type)).toEqual([
    'evidence.added',
    'evidence.added',
    'evidence.read',
  ]);
  // What was verified was verified with this evidence.
  await json('POST', `/accreditations/${id}/verify`, {});
  expect(((await (await upload('more')).json()) as { code: string }).code).toBe('wrong_state');
  writeFileSync(join(folder, one['sha256'] as string), 'other bytes');
  rmSync(join(folder, two['sha256'] as string));
  const damages = await fsck({ store: d.deployment.store, hashOfEvidence: (sha256) => hashOf(folder, sha256) });
  expect(damages.map(({ code, where }) => [code, where]).toSorted()).toEqual([
    ['evidence_changed', `evidence ${one['id']}`],
    ['evidence_missing', `evidence ${two['id']}`],
  ]);
  expect([(await read()).status, (await ask('GET', `/evidence/${two['id']}/content`)).status]).toEqual([409, 404]);
  // Kept as long as what it proves is in force, and for its time.
  d.clock = NOW + 11 * 366 * 86_400;
  await backgroundTurn(deployment, { more: () => true }).catch(() => undefined);
  expect(left().length).toBe(1);
  await json('POST', `/accreditations/${id}/withdraw`, { reason: 'ended' });
  await backgroundTurn(deployment, { more: () => true }).catch(() => undefined);
  expect([left(), (await d.rows('SELECT name, purged_at FROM evidence')).map(({ name }) => name)]).toEqual([[], [null, null]]);
});

it('what is refused in the end leaves no file, also of bytes that were purged; and what is purged while it is handed in again stays', async () => {
  const { d, deployment, upload, folder, left, json, id } = await withFiles();
  const kept = (await (await upload('one')).json()) as Record<string, string>;
  await d.execute('UPDATE evidence SET retain_until = 1');
  await backgroundTurn(deployment, { more: () => true }).catch(() => undefined);
  expect([left(), (await upload('one')).status, left()]).toEqual([[], 409, []]);
  // For another accreditation the same bytes are handed in, and purged of this one, in whatever order.
  const files = evidenceIn(folder);
  const bytes = async function* () {
    yield Buffer.from('one');
  };
  let rows = 0;
  const isKept = async () => rows > 0;
  for (const when of ['before its row', 'after its row']) {
    rows = 0;
    const keep = async (file: { readonly sha256: string }) => {
      if (when === 'before its row') await files.remove(file.sha256, isKept);
      rows = 1;
      if (when === 'after its row') await files.remove(file.sha256, isKept);
      return file;
    };
    await files.take(bytes(), keep, isKept);
    expect([when, left()]).toEqual([when, [kept['sha256']]]);
  }
  // Verified while it was on its way.
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await json('POST', `/accreditations/${id}/verify`, {});
      controller.enqueue(Buffer.from('two'));
      controller.close();
    },
  });
  expect([(await upload(slow)).status, left()]).toEqual([409, [kept['sha256']]]);
});
