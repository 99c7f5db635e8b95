import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { makeDue } from '../../src/operations/artefacts/make-due.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { changeAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import { activateKey } from '../../src/operations/keys/activate-key.js';
import { createKey } from '../../src/operations/keys/create-key.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { ANCHOR } from '../support/deployment.js';
import { federation, type Federation, lotsOf, notes, TYPE } from '../support/due-slices.js';

const ACTS: Readonly<Record<string, (of: Federation) => Promise<unknown>>> = {
  'an authority comes back': async ({ d, call }) => {
    await haltAuthority(call, 'main', 'ceremony');
    d.clock += 5;
    await resumeAuthority(call, 'main', 'done');
  },
  'a key is called compromised': ({ call, kid }) => revokeKey(call, 'main', kid, 'compromised'),
  'a key is superseded': ({ call, kid }) => revokeKey(call, 'main', kid, 'superseded'),
  'a trust anchor recognizes less': async ({ call, d, settle }) => {
    await changeAuthority(call, 'main', { claims: { trust_mark_issuers: { [TYPE]: [ANCHOR] } } });
    await settle();
    d.clock += 5;
    await changeAuthority(call, 'main', { claims: {} });
  },
};

describe('what a change reaches of more than one commit writes', () => {
  it.each(Object.keys(ACTS))('%s: from the commit on exactly that is withheld which is with few, and in the end all is there again', async (act) => {
    // One after the other: in workerd there is one database.
    const look = async (most: number) => {
      const one = await federation(most);
      // What is kept in memory, too, is another thing from the commit on.
      expect(await one.seen()).toMatchObject({ fetch: [200, 200, 200], resolve: 200, mark: 200, events: 200, configuration: 200 });
      await ACTS[act]?.({ ...one, call: { ...one.call, afterCommit: async () => undefined } });
      const atOnce = await one.seen();
      const left = (await notes(one.d)).length > 0;
      await one.settle();
      const jobs = await one.d.rows("SELECT DISTINCT state FROM job WHERE kind = 'resign'");
      return {
        atOnce,
        left,
        after: { ...(await one.seen()), jobs },
        rests: await one.d.rows('SELECT rests_void FROM authority'),
        notes: await notes(one.d),
        old: (await one.kids()).includes(one.kid),
      };
    };
    const [small, large] = [await look(1000), await look(0)];
    expect([small.left, large.left]).toEqual([false, true]);
    expect(large.atOnce).toEqual(small.atOnce);
    expect(large.after).toEqual(small.after);
    expect(large.after).toMatchObject({ fetch: [200, 200, 200], resolve: 200, mark: 200, statusList: 200 });
    expect([large.notes, large.rests, large.old]).toEqual([[], [{ rests_void: 0 }], !act.includes('key')]);
  });

  it('what nothing is withheld for is served as it is until its slice comes: another key, a longer life', async () => {
    const f = await federation(0);
    await changeAuthority(f.call, 'main', { statementLifetime: 90_000 });
    const { kid } = await createKey(f.call, 'main', {});
    await activateKey(f.call, 'main', kid, { force: true, reason: 'rehearsed' });
    expect([await f.fetched(), await f.kids(), await notes(f.d)]).toEqual([
      [200, 200, 200],
      [f.kid, f.kid, f.kid],
      ['artefacts', 'artefacts'],
    ]);
    await f.settle();
    expect([await f.kids(), await notes(f.d)]).toEqual([[kid, kid, kid], []]);
    expect(await f.d.rows("SELECT DISTINCT state FROM job WHERE kind = 'resign'")).toEqual([{ state: 'done' }]);
  });

  it('slice by slice: who is signed anew is served, the others wait; a process that ends between two slices leaves the rest to the next one', async () => {
    const f = await federation(0);
    const { d, deployment } = f;
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    expect(await f.fetched()).toEqual([503, 503, 503]);
    expect(await d.rows("SELECT count(*) AS n FROM artefact WHERE kind = 'statement' AND withheld IS NOT NULL"), 'no row is written').toEqual([{ n: 0 }]);
    const withheld = async () => Number((await d.rows("SELECT count(*) AS n FROM artefact WHERE kind = 'statement' AND withheld IS NOT NULL"))[0]?.['n']);
    // One row at a time, until the first statement is due; and it alone is signed.
    for (let n = 0; n < 100 && (await withheld()) === 0; n++) await makeDue(deployment, lotsOf(1));
    expect(await withheld()).toBe(1);
    for (let n = 0; n < 10 && !(await f.fetched()).includes(200); n++) await renewSlice(deployment, 1);
    expect([...(await f.fetched())].sort()).toEqual([200, 503, 503]);
    // Its turn is over.
    d.clock += 60;
    await f.settle(d.restarted());
    expect([await f.fetched(), await notes(d)]).toEqual([[200, 200, 200], []]);
    expect(await f.kids()).not.toContain(f.kid);
  });

  it('a turn that may do so many slices signs in each of them, whatever else it looks at (Workers)', async () => {
    const f = await federation(0);
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    const turn = async () => (await backgroundTurn(f.deployment, { more: () => true, slices: 4, slice: 2 })).renewed;
    const renewed = [await turn(), await turn()];
    expect(
      renewed.every((n) => n > 0 && n <= 8),
      String(renewed),
    ).toBe(true);
    for (let n = 0; n < 10 && (await turn()) > 0; n++);
    expect([await f.fetched(), await notes(f.d)]).toEqual([[200, 200, 200], []]);
  });
});
