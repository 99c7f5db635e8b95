import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { command as run } from '../support/node/command.js';
import { localhostCertificate, startProcess, tempFolder } from '../support/process.js';

interface Report {
  readonly ok: boolean;
  readonly items: readonly { readonly level: string; readonly what: string; readonly detail: string; readonly fix?: string }[];
}

describe('config check', () => {
  const SEAL = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
  const URL_ = 'https://f.example.org';

  it('refuses what serve refuses, in the same words, and serve has made nothing then', async () => {
    const folder = tempFolder();
    const { cert, key } = await localhostCertificate(folder);
    const rubbish = join(folder, 'rubbish.pem');
    writeFileSync(rubbish, 'no certificate');
    const closed = join(folder, 'file');
    writeFileSync(closed, '');
    for (const [env, word] of [
      [{ HOLDFAST_URL: URL_ }, 'HOLDFAST_SEAL_KEY is missing'],
      [{ HOLDFAST_URL: URL_, HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_TLS_CERT: join(folder, 'none.pem'), HOLDFAST_TLS_KEY: key }, 'HOLDFAST_TLS_CERT: cannot read'],
      [{ HOLDFAST_URL: URL_, HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_TLS_CERT: rubbish, HOLDFAST_TLS_KEY: key }, 'no certificate (PEM)'],
      [{ HOLDFAST_URL: URL_, HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_TLS_CERT: cert, HOLDFAST_TLS_KEY: rubbish }, 'with its private key'],
      [{ HOLDFAST_PORT: '18099', HOLDFAST_METRICS_PORT: '18099' }, 'HOLDFAST_METRICS_PORT: 18099'],
      [{ HOLDFAST_PORT: '18099', HOLDFAST_METRICS_PORT: '18099', HOLDFAST_URL: URL_ }, 'HOLDFAST_METRICS_PORT: 18099'],
    ] as const) {
      const data = join(folder, 'data');
      const [checked, served] = [await run(['config', 'check'], { HOLDFAST_DATA: data, ...env }), await run(['serve'], { HOLDFAST_DATA: data, ...env })];
      expect(checked, word).toMatchObject({ code: 2, stderr: expect.stringContaining(word) });
      expect(served).toEqual(checked);
      expect(() => chmodSync(data, 0o700), 'nothing was made').toThrow('ENOENT');
    }
    const all = await run(['config', 'check'], { HOLDFAST_URL: URL_, HOLDFAST_PORT: '1', HOLDFAST_METRICS_PORT: '1', HOLDFAST_DATA: folder });
    expect(all.stderr.trim().split('\n'), 'all faults at once').toHaveLength(2);
  });
  it('says which variable is misspelt; a sound one is 0', async () => {
    const data = tempFolder();
    const found = await run(['config', 'check'], { HOLDFAST_DATA: data, HOLDFAST_SEALKEY: SEAL, HOLDFAST_METRICS_PROT: '1', HOLDFAST_SEAL_KEY_FILE: '' });
    expect(found).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/METRICS_PROT.*did you mean HOLDFAST_METRICS_PORT[\s\S]*SEALKEY.*did you mean HOLDFAST_SEAL_KEY/),
    });
    expect(await run(['config', 'check'], { HOLDFAST_DATA: join(data, 'a', 'b') })).toMatchObject({ code: 0, stdout: expect.stringContaining('holds') });
    expect(JSON.parse((await run(['--json', 'config', 'check'], { HOLDFAST_DATA: data })).stdout)).toEqual({ ok: true, databases: [], warnings: [] });
  });
});

describe('doctor', () => {
  it('of a server that is well: its lines are ok but for the backup, which is there then; what is open to others is said', async () => {
    const folder = tempFolder();
    const server = await startProcess(folder);
    const env = { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' };
    const look = async () => {
      const { code, stdout } = await run(['--json', 'doctor'], env);
      return { code, report: JSON.parse(stdout) as Report };
    };
    const before = await look();
    expect(before.report.items.filter(({ level }) => level !== 'ok').map(({ what }) => what)).toEqual(['backup']);
    expect(before.code).toBe(4);
    expect(before.report.items.map(({ what }) => what)).toEqual(expect.arrayContaining(['ready', 'clock', 'main configuration', 'main key', 'disk', 'files']));
    mkdirSync(join(folder, 'backups'));
    expect((await run(['backup', 'create', join(folder, 'backups', 'b.db')], env)).code).toBe(0);
    const after = await look();
    expect(after, JSON.stringify(after)).toMatchObject({ code: 0, report: { ok: true } });
    chmodSync(join(folder, 'cli.json'), 0o644);
    const open = await run(['doctor'], env);
    expect(open).toMatchObject({
      code: 4,
      stdout: expect.stringContaining(`chmod 600 ${join(folder, 'cli.json')}`),
      stderr: expect.stringContaining('1 finding(s)'),
    });
  });
  it('of a server whose clock is elsewhere, that is not ready, behind something that serves another configuration; none at all', async () => {
    const answers: Readonly<Record<string, unknown>> = {
      '/readyz': { checks: { store: 'ok', renewal: 'failing' } },
      '/admin/v1/clock': { trusted: false, detail: 'it jumped', now: 1_700_000_000 },
      '/admin/v1/authorities': {
        items: [
          { slug: 'main', entity_id: '', state: 'active' },
          { slug: 'two', entity_id: 'http://127.0.0.1:1', state: 'halted' },
        ],
      },
      '/admin/v1/authorities/main': { key_rotation: null },
      '/admin/v1/authorities/two': {},
      '/admin/v1/authorities/main/keys': { items: [{ kid: 'k', state: 'active', active_at: 1_000_000 }] },
      '/admin/v1/authorities/main/watch': { items: [{ entity_id: 'https://rp.example.org', findings: [{ code: 'reattestation_due' }] }] },
      '/admin/v1/authorities/main/accreditations': {
        items: [{ id: 'acc_1', kind: 'iso27001', expired: false, valid_until: Math.floor(Date.now() / 1000) + 86_400 }],
      },
      '/admin/v1/authorities/main/own-marks': { items: [{ trust_mark_type: 'https://m.example.org', exp: 1_000_000, problem: null }] },
      '/admin/v1/authorities/main/mark-types': {
        items: [{ trust_mark_type: 'https://t.example.org', delegated_until: Math.floor(Date.now() / 1000) + 86_400 }],
      },
    };
    const server = createServer((request, response) => {
      const { port } = server.address() as AddressInfo;
      const path = (request.url ?? '').split('?')[0] ?? '';
      const claims = { iss: 'https://else.example.org', iat: 1, exp: 2 };
      response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString());
      if (path.startsWith('/.well-known')) return response.end(`${btoa('{"alg":"ES256"}')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`);
      return response.end(JSON.stringify(answers[path] ?? {}).replace('"entity_id":""', `"entity_id":"http://127.0.0.1:${port}"`));
    }).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    onTestFinished(() => void server.close());
    const env = {
      HOLDFAST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows',
      HOLDFAST_DATA: tempFolder(),
    };
    const { code, stdout } = await run(['--json', 'doctor'], env);
    const { items } = JSON.parse(stdout) as Report;
    const bad = items.filter(({ level }) => level !== 'ok');
    const told = bad.map(({ level, what, detail }) => `${level} ${what}: ${detail}`).join('\n');
    for (const line of [
      /error ready: renewal/,
      /error clock: this machine and the server are 3\d{3} s apart/,
      /error clock: the server does not trust/,
      /error clock: this machine and the time by which the server signs are \d{8,} s apart/,
      /error main configuration: .*else\.example/,
      /warning main key/,
      /warning main held: 1/,
      /error main mark: .*ended/,
      /warning main delegation/,
      /warning main accreditation: iso27001 \(acc_1\) ends/,
      /warning main sponsors: 1 member/,
      /warning two: is halted/,
    ])
      expect(told).toMatch(line);
    for (const { fix, what } of bad) expect(fix, what).toMatch(/./);
    expect(code).toBe(4);
    const none = await run(['--json', 'doctor'], { ...env, HOLDFAST_URL: 'http://127.0.0.1:1' });
    expect(none.code).toBe(4);
    expect(JSON.parse(none.stdout)).toMatchObject({
      ok: false,
      items: [
        { level: 'error', what: 'server' },
        { level: 'error', what: 'admin API' },
      ],
    });
  });
});
