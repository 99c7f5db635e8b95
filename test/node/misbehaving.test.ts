import { describe, expect, it } from 'vitest';
import { misbehavingLeaf } from '../support/misbehaving-leaf.js';
import { admin, freePort, startProcess, tempFolder } from '../support/process.js';

/** Behaviour → state of its snapshot, and a finding that names what it did. */
const EXPECTED: Record<string, readonly [state: string, code: string]> = {
  good: ['valid', ''],
  'slow-headers': ['unreachable', 'fetch_failed'],
  'slow-body': ['unreachable', 'fetch_failed'],
  endless: ['invalid', 'too_large'],
  bomb: ['invalid', 'content_encoding_refused'],
  'double-bomb': ['invalid', 'content_encoding_refused'],
  'stacked-encodings': ['invalid', 'content_encoding_refused'],
  'wrong-type': ['invalid', 'content_type_wrong'],
  html: ['invalid', 'content_type_wrong'],
  'length-lie': ['unreachable', 'fetch_failed'],
  redirect: ['invalid', 'redirect_refused'],
  'redirect-inside': ['invalid', 'redirect_refused'],
  'big-header': ['invalid', 'too_large'],
  'not-utf8': ['invalid', 'jws_malformed'],
  'giant-keys': ['invalid', 'too_many'],
  'private-hint': ['invalid', 'fetch_refused'],
  loop: ['invalid', 'no_chain'],
  'wide-fan': ['unreachable', 'fetch_failed'],
  reset: ['unreachable', 'fetch_failed'],
  error: ['unreachable', 'status_unexpected'],
  dead: ['invalid', 'status_unexpected'],
};

interface Snapshots {
  readonly snapshots: readonly { readonly state: string; readonly findings: readonly { readonly code: string; readonly where: string }[] }[];
}

describe('bad neighbours, all at once, against a real server with discovery on', () => {
  it('each has a precise finding that names the hop; public answers do not move; sockets go back to zero; healthy half a minute later', async () => {
    const port = await freePort();
    const anchor = `http://localhost:${port}`;
    const leaf = await misbehavingLeaf(anchor);
    expect(Object.keys(EXPECTED).sort()).toEqual([...leaf.behaviours].sort());
    const server = await startProcess(tempFolder(), { port, env: { HOLDFAST_DISCOVERY: 'on' } });
    for (const behaviour of leaf.behaviours) {
      const enrolled = await admin(server, 'POST', '/authorities/main/members', {
        entity_id: leaf.id(behaviour),
        jwks: { keys: [leaf.key.jwk] },
        activate: true,
      });
      expect(enrolled.status, JSON.stringify(enrolled.json)).toBe(201);
    }
    const answers = new Set<number>();
    const good = `${anchor}/fetch?sub=${encodeURIComponent(leaf.id('good'))}`;
    const entity = async (behaviour: string) =>
      (await admin(server, 'GET', `/authorities/main/entities/${encodeURIComponent(leaf.id(behaviour))}`)).json as Snapshots;
    const waiting = new Set(leaf.behaviours);
    for (let tries = 0; waiting.size && tries < 900; tries++) {
      answers.add((await fetch(good)).status);
      for (const behaviour of [...waiting].slice(0, 3)) if ((await entity(behaviour)).snapshots?.length) waiting.delete(behaviour);
      await new Promise((done) => setTimeout(done, 100));
    }
    expect([...waiting], 'every one was evaluated').toEqual([]);
    expect([...answers]).toEqual([200]);
    for (const [behaviour, [state, code]] of Object.entries(EXPECTED)) {
      const [found] = (await entity(behaviour)).snapshots;
      expect([behaviour, found?.state, code === '' || found?.findings.some((one) => one.code === code)], JSON.stringify(found)).toEqual([
        behaviour,
        state,
        true,
      ]);
      if (state === 'unreachable') expect(found?.findings.some(({ where }) => where.startsWith('http'))).toBe(true);
    }
    // Longer than anything may take. What was leaked stays; whoever is asked again by then, because all of it took so long, does not.
    await new Promise((done) => setTimeout(done, 30_000));
    await expect.poll(() => leaf.connections(), { timeout: 60_000, interval: 20 }).toBe(0);
    expect((await fetch(`${anchor}/readyz`)).status).toBe(200);
    expect((await fetch(`${anchor}/resolve?sub=${encodeURIComponent(leaf.id('good'))}&trust_anchor=${encodeURIComponent(anchor)}`)).status).toBe(200);
    expect(server.child.exitCode).toBe(null);
  }, 240_000);
});
