import { expect, it } from 'vitest';
import { sharedKeys } from '../../src/operations/members/shared-keys.js';
import { HOLDERS } from '../../src/store/member-lookups.js';
import { spellingsOf } from '../../src/operations/members/respelled.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { carriedOut } from '../support/node/carried-out.js';

it('whose a key is, and who bears an identifier in another spelling, is looked up by index: no scan at any size', async () => {
  const d = await testDeployment();
  const rp = await testMember('https://rp.example');
  await d.admin('POST', '/authorities/main/members', { entity_id: rp.id, jwks: rp.jwks });
  const { reader } = d.store as NodeStore;
  const [{ id } = { id: '' }] = (await d.rows('SELECT id FROM authority')) as { id: string }[];
  const seen = await carriedOut({ reader }, async () => {
    await spellingsOf(d.store.db, id, ['https://RP.example']);
    await sharedKeys(d.store.db, { id }, [{ entityId: rp.id, jwks: rp.jwks as never }]);
  });
  const asked = [HOLDERS, ...seen];
  const steps = asked.flatMap((sql) =>
    (reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => null)) as { detail: string }[]).map(
      ({ detail }) => detail,
    ),
  );
  expect(steps.filter((step) => /^SEARCH (member|member_key) USING/.test(step)).length).toBeGreaterThan(2);
  expect(
    steps.filter((step) => /^SCAN (member|member_key)\b/.test(step) || /\(authority_id=\?\)$/.test(step)).filter((step) => !step.includes('authority_key')),
  ).toEqual([]);
});
