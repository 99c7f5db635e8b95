import { describe, expect, it } from 'vitest';
import { fsckFile } from '../../src/platform/local/fsck.node.js';
import { testKey } from '../support/keys.js';
import { admin, freePort, startProcess, tempFolder } from '../support/process.js';

/** Each is a whole process: HOLDFAST_CRASH_ROUNDS for more of them. */
const ROUNDS = Number(process.env['HOLDFAST_CRASH_ROUNDS'] ?? 15);
/** A kill that came after the last answer proves nothing: such rounds are made up for, up to twice as many. */
const BETWEEN = Math.ceil(0.8 * ROUNDS);
const AT_ONCE = 64;

describe('kill -9 during 64 concurrent enrolments', () => {
  it(`${ROUNDS} rounds: nothing acknowledged is lost, fsck finds nothing`, async () => {
    const folder = tempFolder();
    const port = await freePort();
    // What is killed is the writer: it starts in half the time without the thread that reads strangers.
    const env = { HOLDFAST_DISCOVERY: 'off' };
    const { jwk } = await testKey();
    const acknowledged = new Set<string>();
    let between = 0;
    for (let round = 0; round < ROUNDS || (between < BETWEEN && round < 2 * ROUNDS); round++) {
      const server = await startProcess(folder, { port, env });
      const killAfter = 1 + Math.floor((Math.random() * AT_ONCE) / 2); // early enough that answers are still outstanding
      let acks = 0;
      let killed: Promise<number | null> | undefined;
      const enrol = async (n: number) => {
        const entity_id = `https://m${n}.r${round}.example`;
        const { status } = await admin(server, 'POST', '/authorities/main/members', { entity_id, jwks: { keys: [jwk] }, activate: true });
        if (status !== 201) throw new Error(`answered ${status}`);
        acknowledged.add(entity_id);
        if (++acks === killAfter) killed = server.kill('SIGKILL');
      };
      await Promise.allSettled(Array.from({ length: AT_ONCE }, (_, n) => enrol(n)));
      await (killed ?? server.kill('SIGKILL'));
      if (acks > 0 && acks < AT_ONCE) between++;
    }
    const server = await startProcess(folder, { port, env });
    const listed = new Set((await (await fetch(`${server.url}/list`)).json()) as string[]);
    await server.kill('SIGTERM');
    expect([...acknowledged].filter((id) => !listed.has(id))).toEqual([]);
    expect(between).toBeGreaterThanOrEqual(BETWEEN);
    expect(await fsckFile(`${folder}/holdfast.db`)).toEqual({ integrity: 'ok', damages: [] });
  }, 480_000);
});
