import { describe, expect, it } from 'vitest';
import { platform } from '#test-platform';
import { makeDue } from '../../src/operations/artefacts/make-due.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { federation, lotsOf, notes } from '../support/due-slices.js';

/** Cells that hold what their column does not say: PostgreSQL has none. */
const damaged = it.skipIf(platform === 'postgres');

describe('slices beside damaged cells', () => {
  damaged('of what generation an artefact is nobody can read, or it is one that has not come yet: it goes with its key, and is signed anew', async () => {
    const f = await federation(0);
    for (const [cell, host] of [
      ["'x'", 'a'],
      ["X'00ff'", 'b'],
      ['1e9', 'c'],
    ])
      await f.d.execute(`UPDATE artefact SET generation = ${cell} WHERE kind <> 'resolve' AND key LIKE '%https://${host}.example.com'`);
    await f.d.execute("UPDATE artefact SET generation = 'x' WHERE kind IN ('resolve', 'mark_status')");
    expect([await f.fetched(), (await f.seen()).resolve, (await f.seen()).mark], 'damage alone withholds nothing').toEqual([[200, 200, 200], 200, 200]);
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    const seen = await f.seen();
    expect([seen.fetch, seen.resolve, seen.mark, seen.markStatus, seen.marked]).toEqual([[503, 503, 503], 503, 503, 503, '[]']);
    await f.settle();
    expect([await f.fetched(), (await f.seen()).resolve, (await f.seen()).mark]).toEqual([[200, 200, 200], 200, 200]);
    expect(await f.kids()).not.toContain(f.kid);
  });

  damaged.each(['CAST(value AS BLOB)', "CAST(X'ff' AS TEXT)", "CAST(X'7b22746f6b656e223a22ff227d' AS TEXT)", '17'])(
    'a note that says %s begins anew: a comparison finds no such value',
    async (cell) => {
      const f = await federation(0);
      await revokeKey(f.call, 'main', f.kid, 'compromised');
      await f.d.execute(`UPDATE setting SET value = ${cell} WHERE name LIKE 'due %'`);
      await f.settle();
      expect(await notes(f.d)).toEqual([]);
      expect(await f.d.rows('SELECT rests_void FROM authority')).toEqual([{ rests_void: 0 }]);
      expect([await f.fetched(), (await f.seen()).resolve]).toEqual([[200, 200, 200], 200]);
    },
  );

  damaged.each([
    ['known_entity', 'entity_id', 'CAST(entity_id AS BLOB)'],
    ['known_entity', 'entity_id', "CAST(X'ff' AS TEXT)"],
    ['snapshot_link', 'subject', 'CAST(subject AS BLOB)'],
    ['snapshot_link', 'subject', "CAST(X'ff' AS TEXT)"],
    ['snapshot_link', 'authority_id', "CAST(X'ff' AS TEXT)"],
  ])('%s.%s is %s: the slices come to their end, and go over all that is behind it', async (table, column, cell) => {
    const f = await federation(0);
    await f.d.execute(`UPDATE ${table} SET ${column} = ${cell} WHERE ${table === 'known_entity' ? 'entity_id' : 'subject'} LIKE '%b.example.com'`);
    await f.d.execute(`UPDATE known_entity SET due_at = ${f.d.clock + 9999}`);
    await revokeKey(f.call, 'main', f.kid, 'compromised');
    let turns = 0;
    while (turns < 100 && (await makeDue(f.deployment, lotsOf(1))) > 0) turns++;
    expect([await notes(f.d), turns < 100]).toEqual([[], true]);
    expect(await f.d.rows(`SELECT count(*) AS n FROM known_entity WHERE due_at > ${f.d.clock}`)).toEqual([{ n: 0 }]);
    expect(await f.d.rows("SELECT count(*) AS n FROM artefact WHERE kind = 'resolve' AND key NOT LIKE '%b.example.com' AND withheld IS NULL")).toEqual([
      { n: 0 },
    ]);
  });
});
