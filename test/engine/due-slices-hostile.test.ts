import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { makeDue } from '../../src/operations/artefacts/make-due.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import { retireAuthority } from '../../src/operations/authorities/retire-authority.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { createKey } from '../../src/operations/keys/create-key.js';
import { activateKey } from '../../src/operations/keys/activate-key.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { knownDue, restingDue } from '../../src/store/due-slices.js';
import { ANCHOR } from '../support/deployment.js';
import { all, federation, lotsOf, notes } from '../support/due-slices.js';

/** So many slices. */
const oneOf = (left: number) => () => left-- > 0;
const authorityId = async ({ d }: Awaited<ReturnType<typeof federation>>) => String((await d.rows("SELECT id FROM authority WHERE slug = 'main'"))[0]?.['id']);

describe('slices that are left', () => {
  it('a note that cannot be read holds up no other, and is told; one whose progress cannot be read begins anew', async () => {
    const f = await federation(0);
    const { d } = f;
    await d.execute("INSERT INTO setting (name, value) VALUES ('due artefacts', '{'), ('due artefacts nobody 1 all kid:%', '{}'), ('due a b c', '')");
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    await d.execute("UPDATE setting SET value = '{' WHERE name LIKE 'due artefacts aut_%'");
    expect(await f.fetched()).toEqual([503, 503, 503]);
    await f.settle();
    expect([await f.fetched(), await notes(d)]).toEqual([
      [200, 200, 200],
      ['a', 'artefacts', 'artefacts'],
    ]);
    const told = (await fsck(d.deployment)).filter(({ code }) => code === 'note_unreadable').map(({ where }) => where);
    expect(told).toEqual(['setting due a b c', 'setting due artefacts', 'setting due artefacts nobody 1 all kid:%']);
  });

  it('whose note is lost: nothing of before is served, and what rests on it is evaluated anew by another note', async () => {
    const f = await federation(0);
    const { d } = f;
    await revokeKey(f.call, 'main', f.kid, 'superseded');
    await d.execute("DELETE FROM setting WHERE name LIKE 'due %'");
    expect([await f.fetched(), (await f.seen()).resolve]).toEqual([[503, 503, 503], 503]);
    await f.settle();
    expect(await notes(d)).toEqual([]);
    expect(await d.rows('SELECT rests_void FROM authority')).toEqual([{ rests_void: 0 }]);
    expect([await f.fetched(), (await f.seen()).resolve]).toEqual([[200, 200, 200], 200]);
  });

  it('a slice of a process that lost its turn writes nothing: neither what is carried out, nor into what was begun anew', async () => {
    const f = await federation(0);
    const { d } = f;
    const id = await authorityId(f);
    await d.deployment.store.write([...knownDue(id, d.clock, 0), ...restingDue({ authorityId: id, how: 'void', now: d.clock }, 0)]);
    const far = d.clock + 100_000;
    let begun: unknown;
    // It has read the notes, and another process goes first, to the end; then the same is asked for anew.
    const claim = async () => {
      if (begun !== undefined) return true;
      begun = null;
      for (let n = 0; n < 20 && (await makeDue(d.deployment, lotsOf(500))) > 0; n++);
      expect(await notes(d)).toEqual([]);
      await d.execute(`UPDATE known_entity SET due_at = ${far}`);
      await d.execute("UPDATE artefact SET withheld = NULL WHERE kind = 'resolve'");
      await d.deployment.store.write(restingDue({ authorityId: id, how: 'void', now: d.clock }, 0));
      begun = await d.rows("SELECT value FROM setting WHERE name LIKE 'due resting %'");
      return true;
    };
    expect(await makeDue({ ...d.restarted(), turns: { claim } }, lotsOf(1))).toBe(0);
    expect(await d.rows("SELECT value FROM setting WHERE name LIKE 'due resting %'")).toEqual(begun);
    expect(await d.rows(`SELECT count(*) AS n FROM known_entity WHERE due_at < ${far}`)).toEqual([{ n: 0 }]);
    expect(await d.rows("SELECT count(*) AS n FROM artefact WHERE kind = 'resolve' AND withheld IS NOT NULL")).toEqual([{ n: 0 }]);
    expect(await d.rows('SELECT rests_void FROM authority'), 'what was begun anew withholds').toEqual([{ rests_void: 1 }]);
    expect((await f.seen()).resolve).toBe(503);
  });

  it('a slice that goes nowhere is no progress: the turn comes to its end', async () => {
    const f = await federation(0);
    const { d } = f;
    const id = await authorityId(f);
    await d.deployment.store.write([...knownDue(id, d.clock, 0), ...restingDue({ authorityId: id, how: 'due', now: d.clock }, 0)]);
    let asked = 0;
    // Somebody else's note, each time.
    const claim = async () => {
      await d.execute(`UPDATE setting SET value = '{"token":"due_${asked++}"}' WHERE name LIKE 'due %'`);
      return true;
    };
    await backgroundTurn({ ...d.deployment, turns: { claim } }, { more: () => asked < 200 });
    expect(asked).toBeLessThan(50);
  });

  it('another key is called compromised, and the authority is halted and comes back, before the slices: nothing of either time is served', async () => {
    const f = await federation(0);
    const { d, call } = f;
    const { kid: second } = await createKey(call, 'main', {});
    await activateKey(call, 'main', second, { force: true, reason: 'rehearsed' });
    await backgroundTurn(f.deployment, all);
    await revokeKey(call, 'main', second, 'compromised');
    await makeDue(f.deployment, lotsOf(2));
    await haltAuthority(call, 'main', 'a thief');
    expect(await f.fetched()).toEqual([404, 404, 404]);
    await revokeKey(call, 'main', f.kid, 'compromised');
    d.clock += 5;
    await resumeAuthority(call, 'main', 'again');
    expect([await f.fetched(), (await f.seen()).resolve, (await f.seen()).mark]).toEqual([[503, 503, 503], 503, 503]);
    await f.settle();
    const kids = await f.kids();
    expect([await f.fetched(), (await f.seen()).resolve, (await f.seen()).mark, await notes(d)]).toEqual([[200, 200, 200], 200, 200, []]);
    expect([kids.includes(second), kids.includes(f.kid)]).toEqual([false, false]);
  });

  it('an evaluation comes before the slices: its answer rests on nothing that the key signed', async () => {
    const f = await federation(0);
    const { d } = f;
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    const due = async () => d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await due();
    await discoveryTurn(f.deployment, all);
    expect((await f.seen()).resolve).toBe(503);
    // And once more when statements are signed anew, and what rests on them is not gone through yet.
    for (let n = 0; n < 20 && (await f.fetched()).includes(503); n++) {
      await makeDue(f.deployment, { ...lotsOf(1), more: oneOf(1) });
      await renewSlice(f.deployment, 10);
    }
    await due();
    await discoveryTurn(f.deployment, all);
    const chain = async () => {
      const asked = await d.public(`/resolve?sub=${encodeURIComponent('https://a.example.com')}&trust_anchor=${encodeURIComponent(ANCHOR)}`);
      return asked.status === 200 ? (decodeJwt(asked.text)['trust_chain'] as string[]).map((one) => decodeProtectedHeader(one).kid) : [];
    };
    expect(await chain()).not.toContain(f.kid);
    await f.settle();
    expect([(await chain()).length, (await chain()).includes(f.kid), await notes(d)]).toEqual([3, false, []]);
  });

  it.each(['superseded', 'compromised'])('what another authority answers through it waits until all that rests on it was gone through (%s)', async (reason) => {
    const f = await federation(0);
    const { d } = f;
    await createAuthority(d.call, { slug: 'else', entityId: 'https://else.example.org' });
    const asked = async (path: string, body: object) => expect((await d.admin('POST', `/authorities/else${path}`, body)).status).toBeLessThan(300);
    await asked('/anchors', { entity_id: ANCHOR });
    const member = 'https://a.example.com';
    await asked(`/entities/${encodeURIComponent(member)}/evaluate`, {});
    const elsewhere = async () =>
      (await d.public(`https://else.example.org/resolve?sub=${encodeURIComponent(member)}&trust_anchor=${encodeURIComponent(ANCHOR)}`)).status;
    expect(await elsewhere()).toBe(200);
    await revokeKey(f.call, 'main', f.kid, reason);
    expect(await elsewhere()).toBe(503);
    // All statements are signed anew, and nothing that rests on them was looked at.
    await d.execute('DELETE FROM lease');
    for (let n = 0; n < 20 && (await f.fetched()).includes(503); n++) {
      await makeDue(f.deployment, { ...lotsOf(500), more: oneOf(1) });
      await renewSlice(f.deployment, 10);
    }
    expect([await f.fetched(), await elsewhere()]).toEqual([[200, 200, 200], 503]);
    await f.settle();
    expect([await elsewhere(), await notes(d)]).toEqual([200, []]);
  });

  it('an authority that is retired before them: nothing is signed any more, its former keys stand, and nothing is left to do', async () => {
    const f = await federation(0);
    const { d, call } = f;
    await revokeKey(call, 'main', f.kid, 'compromised');
    await retireAuthority(call, 'main', 'over');
    const seen = await f.seen();
    expect(seen).toMatchObject({ fetch: [404, 404, 404], resolve: 404, mark: 404, configuration: 404, historical: 200 });
    await f.settle();
    expect(await notes(d)).toEqual([]);
    expect(await f.seen()).toMatchObject({ fetch: [404, 404, 404], resolve: 404, mark: 404, configuration: 404, historical: 200 });
  });
});
