import { expect, it } from 'vitest';
import { forgetWishes } from '../../src/operations/resolving/wishes.js';
import type { NodeStore } from '../../src/store/store.node.js';
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
