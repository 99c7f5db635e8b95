import { expect, it } from 'vitest';
import { forgetWishes } from '../../src/operations/resolving/wishes.js';
import type { Statement } from '../../src/store/database.js';
import { dueInLine } from '../../src/store/due-entities.js';
import { evaluatedNow, giveBack, leaseAlone, leaseTogether, putOff } from '../../src/store/evaluation-leases.js';
import { newlyKnown } from '../../src/store/known-entities.js';
import { LINES } from '../../src/store/schema.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { listingChanged } from '../../src/store/superior-listings.js';
import { testDeployment } from '../support/deployment.js';

it('what is forgotten in every turn is found by index: no scan, however many entities are known', async () => {
  const d = await testDeployment();
  const { reader } = d.store as NodeStore;
  const steps = forgetWishes(1).flatMap((statement) => {
    const { sql, params } = statement.toSQL();
    return (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params) as { detail: string }[]).map(({ detail }) => detail);
  });
  expect(steps.filter((step) => /^(SEARCH|SCAN) (known_entity|snapshot) USING/.test(step))).toHaveLength(2);
  expect(steps.filter((step) => /^SCAN (known_entity|snapshot|k|s)\b/.test(step))).toEqual([]);
});

it('whom a listing brings is found by its key, however many are listed: nobody else writes meanwhile', async () => {
  const d = await testDeployment();
  const { reader } = d.store as NodeStore;
  const superior = { authorityId: 'a', entityId: 'b' };
  const statements = listingChanged(superior, { come: ['x'], gone: ['y'] }, { now: 1, most: 5, line: LINES.found }).flatMap((one) =>
    'pieces' in one ? (one.pieces as readonly Statement[]) : [one],
  );
  const steps = statements.flatMap((one) => {
    const { sql, params } = one.toSQL();
    return (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params) as { detail: string }[]).map(({ detail }) => detail);
  });
  expect(steps.filter((step) => /^SCAN (l|listed_entity|known_entity)\b/.test(step))).toEqual([]);
  const found = steps.filter((step) => /^SEARCH l /.test(step));
  expect(found.length).toBeGreaterThan(0);
  for (const step of found) expect(step).toMatch(/entity_id=\?/);
});

it('who is next in a line is read from one end of an index, and what is noted of them by their keys, however many are due', async () => {
  const d = await testDeployment();
  const { reader, db } = d.store as NodeStore;
  const plan = ({ sql, params }: { sql: string; params: readonly unknown[] }) =>
    (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params) as { detail: string }[]).map(({ detail }) => detail);
  for (const which of [{}, { within: 10 }]) {
    const steps = plan(dueInLine(db, LINES.changed, 100, 8, which).toSQL());
    expect(steps[0]).toMatch(/^SEARCH known_entity USING INDEX known_entity_line \(line=\? AND due_at/);
    expect(steps.join('\n')).not.toMatch(/SCAN|TEMP B-TREE/);
  }
  const row = newlyKnown({ authorityId: 'a', entityId: 'b', source: 'crawl', dueAt: 1, leaseUntil: 0 });
  const statements = [
    leaseTogether([row], 2),
    leaseAlone([row], 2),
    giveBack([row], 3),
    putOff([{ ...row, until: 3 }]),
    evaluatedNow(row, { dueAt: 3, attempts: 0, line: 1, now: 2 }, undefined),
  ];
  for (const piece of statements.flatMap((one) => ('pieces' in one ? (one.pieces as readonly Statement[]) : [one])))
    expect(plan(piece.toSQL()).filter((step) => /known_entity/.test(step))).toEqual([
      expect.stringMatching(/^SEARCH known_entity USING INDEX sqlite_autoindex_known_entity_1 \(authority_id=\? AND entity_id=\?\)/),
    ]);
});
