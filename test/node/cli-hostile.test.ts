import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { composed, jsonText, lines, table } from '../../src/cli/output.js';
import { command as run } from '../support/node/command.js';
import { tempFolder } from '../support/process.js';

/** Breaks the line, writes one of its own, clears the screen, paints, turns the direction round. */
const HOSTILE = 'x\nFORGED all is well\r\u001b[2J\u009b31m\u202e\u2028FORGED\u0007\t.';
const OBEYED = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

/** A server that answers everything with the same thing. */
async function answering(status: number, body: unknown): Promise<Record<string, string>> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  return {
    HOLDFAST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    HOLDFAST_ADMIN_TOKEN: 'a-token-of-many-letters',
    HOLDFAST_DATA: join(tempFolder(), 'none'),
  };
}

/** An answer in which every text is hostile, whatever is asked. */
const EVERYTHING: Record<string, unknown> = {
  ...Object.fromEntries(
    [
      'id',
      'entity_id',
      'state',
      'state_reason',
      'suspended_with',
      'organization_id',
      'legal_name',
      'role',
      'name',
      'slug',
      'reason',
      'type',
      'subject_id',
      'subject_kind',
      'actor_id',
      'actor_kind',
      'kind',
      'kid',
      'alg',
      'revoked_reason',
      'prefix',
      'trust_mark_type',
      'detail',
      'code',
      'where',
      'clause',
      'fix',
      'problem',
      'note',
      'source',
      'trust_anchor',
      'text',
      'url',
      'host',
      'etag',
      'hash',
      'authority',
      'superior',
      'severity',
      'issuer',
      'sub',
      'iss',
    ].map((name) => [name, HOSTILE]),
  ),
  entity_types: [HOSTILE],
  trust_mark_types: [HOSTILE],
  authorities: [HOSTILE],
  member_of: [HOSTILE],
  path: [HOSTILE],
  superiors: [HOSTILE],
  jwks: { keys: [{ kid: HOSTILE, kty: HOSTILE }] },
  about: { organization_name: HOSTILE, display_name: HOSTILE },
  metadata: { [HOSTILE]: { [HOSTILE]: HOSTILE } },
  findings: [],
  given_up: [],
  heads: [],
  snapshots: [],
  hold: null,
  marks: [],
  seq: 1,
  v: 1,
  at: 1,
  created_at: 1,
  generation: 1,
  done: 1,
  total: 1,
  refused: 0,
  params: { [HOSTILE]: HOSTILE },
  subject: { kind: HOSTILE, id: HOSTILE },
  actor: { id: HOSTILE, kind: HOSTILE },
};
const FINDING = { severity: 'error', code: HOSTILE, where: HOSTILE, detail: HOSTILE, clause: HOSTILE, fix: HOSTILE };
const one = { ...EVERYTHING, findings: [FINDING], hold: null };
const page = { items: [one, one], next_cursor: HOSTILE };

function expectHarmless({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): void {
  for (const text of [stdout, stderr]) {
    expect(text).not.toMatch(OBEYED);
    for (const line of text.split('\n')) expect(line.trimStart()).not.toMatch(/^FORGED/);
  }
  expect(stdout + stderr).toContain('FORGED');
}

describe('what others wrote, whatever command shows it', () => {
  it.each([
    ['member', 'list'],
    ['organization', 'list'],
    ['authority', 'list'],
    ['api-key', 'list'],
    ['key', 'list'],
    ['event', 'list'],
    ['job', 'list'],
    ['entity', 'list'],
    ['anchor', 'list'],
    ['entity', 'listings'],
    ['policy', 'list'],
    ['mark', 'type', 'list'],
    ['member', 'watch'],
  ])('in tables: %s %s %s', async (...args) => {
    expectHarmless(await run(args.filter(Boolean), await answering(200, page)));
  });
  it.each([
    ['member', 'show', 'x'],
    ['whoami'],
    ['entity', 'show', 'https://x.example'],
    ['organization', 'show', 'x'],
    ['member', 'revoke', 'x', '--reason', 'r', '--yes=x'],
    ['member', 'host', 'x', '--end'],
    ['api-key', 'revoke', 'x'],
    ['member', 'watch', 'x'],
  ])('in plain lines: %s %s', async (...args) => {
    expectHarmless(await run(args.filter(Boolean), await answering(200, one)));
  });
  it('in errors and their findings', async () => {
    const env = await answering(422, { code: 'findings', detail: HOSTILE, findings: [FINDING, FINDING] });
    const told = await run(['member', 'show', 'x'], env);
    expectHarmless(told);
    // The error, then two lines for each finding.
    expect([told.code, told.stderr.trimEnd().split('\n').length]).toEqual([4, 5]);
  });
  it('in a decoded artefact: claims, their names, the header', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = part({ typ: 'entity-statement+jwt', alg: 'ES256', kid: HOSTILE });
    expectHarmless(await run(['inspect', `${header}.${part({ iss: HOSTILE, sub: 'b', [HOSTILE]: HOSTILE, o: { [HOSTILE]: [HOSTILE] } })}.AAAA`]));
  });
  it('in JSON for scripts: the same value, in characters that no terminal obeys', async () => {
    const { stdout } = await run(['--json', 'member', 'show', 'x'], await answering(200, one));
    expect(stdout).not.toMatch(OBEYED);
    expect((JSON.parse(stdout) as { entity_id: string }).entity_id).toBe(HOSTILE);
    expect(JSON.parse(jsonText({ a: '\u{e0001}\u00ad\ufeff' }))).toEqual({ a: '\u{e0001}\u00ad\ufeff' });
  });
});

describe('the seam', () => {
  it('a line is one line unless it was made of several', () => {
    expect(composed(`reason ${HOSTILE}`).split('\n')).toHaveLength(1);
    expect(composed(lines([HOSTILE, table(['a'], [[HOSTILE]]), 'end'])).split('\n')).toHaveLength(4);
  });
  it('nothing else of the CLI writes', () => {
    const folder = new URL('../../src/cli/', import.meta.url).pathname;
    const others = readdirSync(folder).filter((name) => name !== 'output.ts');
    expect(others.length).toBeGreaterThan(15);
    for (const name of others) expect([name, /std(out|err)\.write|console\./.test(readFileSync(join(folder, name), 'utf8'))]).toEqual([name, false]);
  });
});
