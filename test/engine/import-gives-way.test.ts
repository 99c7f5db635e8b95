import { platform } from '#test-platform';
import { describe, expect, it } from 'vitest';
import { othersTurn } from '../../src/operations/others-turn.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const IMPORTS = '/authorities/main/imports';
/** On D1 each line costs ten times as much, and lots are as large as may be there and on PostgreSQL. */
const LINES = platform === 'node' ? 400 : 60;
const eventsOf = (d: TestDeployment, after = 0) =>
  d.rows(`SELECT seq, type FROM event WHERE seq > ${after} AND type IN ('import.progressed', 'member.enrolled') ORDER BY seq`);

async function importing(d: TestDeployment) {
  const { jwks } = await testMember('https://x.example');
  const job = (await d.admin('POST', IMPORTS, {})).json.id as string;
  const text = Array.from({ length: LINES }, (_, at) => JSON.stringify({ entity_id: `https://m${at}.example`, jwks, activate: true })).join('\n');
  const sent = d.admin('POST', `${IMPORTS}/${job}/lines`, text, { headers: { 'content-type': 'application/x-ndjson' } });
  return { jwks, sent };
}

describe('an import gives way', () => {
  it('who is enrolled while it runs waits for one lot at most', async () => {
    const d = await testDeployment();
    const { jwks, sent } = await importing(d);
    const begun = async () => (await eventsOf(d)).some(({ type }) => type === 'import.progressed');
    while (!(await begun())) await othersTurn();
    const asked = Number((await eventsOf(d)).at(-1)?.['seq']);
    const enrolled = await d.admin('POST', '/authorities/main/members', { entity_id: 'https://late.example', jwks, activate: true });
    expect(enrolled.status).toBe(201);
    expect((await sent).json).toMatchObject({ done: LINES, refused: 0 });
    const [{ seq } = {}] = await d.rows(`SELECT seq FROM event WHERE subject_id = '${enrolled.json.id}'`);
    const after = await eventsOf(d, asked);
    const lots = (events: typeof after) => events.filter(({ type }) => type === 'import.progressed').length;
    expect(lots(after.filter((one) => Number(one['seq']) < Number(seq))), 'lots that were committed before it').toBeLessThanOrEqual(1);
    if (platform === 'node') expect(lots(after), 'and the import went on after it').toBeGreaterThan(1);
  });
});
