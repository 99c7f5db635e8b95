import { expect, it } from 'vitest';
import { platform } from '#test-platform';
import { ARTEFACT, CLIENT, MARK_STATUS, RESOLVED } from '../../src/store/published-sql.js';
import { testDeployment } from '../support/deployment.js';

/** A table of its own for each look-up cost five times what the look-up did, and a scan grows with what there is. */
it.runIf(platform === 'node')('what is looked up makes no table and goes through none', async () => {
  const d = await testDeployment();
  for (const [name, sql] of Object.entries({ ARTEFACT, CLIENT, MARK_STATUS, RESOLVED })) {
    const asked = sql.replaceAll('?', "'x'");
    const steps = (await d.rows(`EXPLAIN ${asked}`)).map(({ opcode }) => String(opcode));
    expect(
      steps.filter((one) => /Ephemeral|Autoindex/.test(one)),
      name,
    ).toEqual([]);
    expect(
      (await d.rows(`EXPLAIN QUERY PLAN ${asked}`)).filter(({ detail }) => String(detail).startsWith('SCAN')),
      name,
    ).toEqual([]);
  }
});
