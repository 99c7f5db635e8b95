import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { changeMember } from '../../src/operations/members/change-member.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { StoreUnreachable } from '../../src/store/database.js';
import { openStore } from '../../src/store/store.workers.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';
const LOST = 'D1_ERROR: Network connection lost.';

/** D1 where a batch goes as said: `before` throws instead of carrying it out, `after` throws although it was carried out. */
function unreliable(script: readonly ('before' | 'after' | 'deaf' | 'well')[]) {
  const sent: number[] = [];
  let reads = true;
  const d1: Pick<D1Database, 'prepare' | 'batch'> = {
    prepare(sql) {
      if (!reads) throw new Error(LOST);
      return env.DB.prepare(sql);
    },
    async batch<T>(statements: D1PreparedStatement[]) {
      const how = script[sent.length] ?? 'well';
      sent.push(statements.length);
      if (how === 'before') throw new Error(LOST);
      const answers = await env.DB.batch<T>(statements);
      if (how === 'deaf') reads = false;
      if (how === 'after' || how === 'deaf') throw new Error(LOST);
      return answers;
    },
  };
  return { d1: d1 as D1Database, sent };
}

async function enrolled(): Promise<TestDeployment> {
  const d = await testDeployment();
  const rp = await testMember(RP);
  expect((await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true })).status).toBe(201);
  return d;
}
const over = (d: TestDeployment, d1: D1Database) => ({ ...d.call, store: openStore(d1, () => NOW) });
/** After it the status list is signed anew, by one more batch. */
const LIST = 1;
const suspensions = (d: TestDeployment) => d.rows("SELECT reason FROM event WHERE type = 'member.suspended'");

describe('a commit whose answer was lost is settled by the event at its place', () => {
  it('carried out, the answer lost: done, once', async () => {
    const d = await enrolled();
    const { d1, sent } = unreliable(['after']);
    const { member } = await moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' });
    expect([member.state, sent.length, (await suspensions(d)).length, await fsck(d.deployment)]).toEqual(['suspended', 1 + LIST, 1, []]);
  });
  it('lost before it was carried out: the same batch is sent again', async () => {
    const d = await enrolled();
    const { d1, sent } = unreliable(['before', 'before', 'well']);
    const { member } = await moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' });
    expect([member.state, sent.length, (await suspensions(d)).length]).toEqual(['suspended', 3 + LIST, 1]);
  });
  it('the first one arrives behind the look: the second finds its number taken, by itself', async () => {
    const d = await enrolled();
    let late: (() => Promise<unknown>) | undefined;
    const d1 = {
      prepare: (sql: string) => env.DB.prepare(sql),
      async batch(statements: D1PreparedStatement[]) {
        if (late) {
          await late();
          return env.DB.batch(statements);
        }
        late = () => env.DB.batch(statements);
        throw new Error(LOST);
      },
    } as unknown as D1Database;
    const { member } = await moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' });
    expect([member.state, (await suspensions(d)).length, await fsck(d.deployment)]).toEqual(['suspended', 1, []]);
  });
  it('somebody else has the number: decided again', async () => {
    const d = await enrolled();
    let first = true;
    const d1 = {
      prepare: (sql: string) => env.DB.prepare(sql),
      async batch(statements: D1PreparedStatement[]) {
        if (first) {
          first = false;
          await changeMember(d.call, 'main', RP, { intermediate: true });
        }
        return env.DB.batch(statements);
      },
    } as unknown as D1Database;
    const { member } = await moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' });
    expect([member.state, member.intermediate, (await suspensions(d)).length]).toEqual(['suspended', true, 1]);
  });
  it('nothing answers any more: 503 that says it may have been carried out, never a plain failure', async () => {
    const d = await enrolled();
    for (const script of [['before', 'before', 'before', 'before'], ['deaf']] as const) {
      const { d1 } = unreliable(script);
      await expect(moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' })).rejects.toBeInstanceOf(StoreUnreachable);
    }
    expect((await suspensions(d)).length).toBe(1);
  });
  it('a refused statement is no lost answer: it is not sent again', async () => {
    const d = await enrolled();
    await d.execute("CREATE TRIGGER sabotage BEFORE UPDATE ON member BEGIN SELECT RAISE(ABORT, 'sabotage'); END");
    const { d1, sent } = unreliable([]);
    await expect(moveMember(over(d, d1), 'main', RP, 'suspend', { reason: 'hijacked' })).rejects.toThrow('sabotage');
    expect([sent.length, (await suspensions(d)).length]).toEqual([1, 0]);
  });
});
