import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { readCell, writeCell } from '../../src/store/json-cell.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const MARKS = 'https://marks.example.org';
const of = encodeURIComponent;

async function deployment(): Promise<TestDeployment> {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'marks', entityId: MARKS });
  const { jwks } = await testMember(RP);
  expect((await d.admin('POST', `${A}/members`, { entity_id: RP, jwks, activate: true })).status).toBe(201);
  return d;
}
const fetched = async (d: TestDeployment) => (await d.public(`/fetch?sub=${of(RP)}`)).status;
const act = (d: TestDeployment, verb: string, body: object = { reason: 'x' }) => d.admin('POST', `${A}/members/${of(RP)}/${verb}`, body);

describe('a JSON cell', () => {
  it('that holds no JSON throws at every look into it, and is written back as it was', () => {
    for (const held of ['{"keys":[', '', 'null', new Uint8Array([1, 2]), 7]) {
      const cell = readCell('jwks', held) as { keys: unknown[] };
      for (const look of [() => cell.keys, () => Object.keys(cell), () => ({ ...cell }), () => JSON.stringify(cell), () => 'keys' in cell])
        expect(look, String(held)).toThrow(new SyntaxError('the column jwks of a row holds no JSON'));
      expect(writeCell({ row: cell }.row)).toBe(held);
    }
  });
  it('that does is what it says', () => {
    for (const value of [{ a: 1 }, [], 'text', 0, false]) expect(readCell('x', writeCell(value))).toEqual(value);
  });
});

describe('a member whose row is damaged', () => {
  it.each(['suspend', 'revoke'])('is cut off all the same (%s): answered, told of, and the cell is left as it is', async (verb) => {
    const d = await deployment();
    await d.execute(`UPDATE member SET jwks = '{"keys":[', metadata = 'x' WHERE entity_id = '${RP}'`);
    const answer = await act(d, verb);
    expect([answer.status, answer.json.state, answer.json.jwks, answer.json.metadata]).toEqual([
      200,
      verb === 'suspend' ? 'suspended' : 'revoked',
      { keys: [] },
      {},
    ]);
    expect(await fetched(d)).toBe(404);
    expect((await d.public('/list')).json).toEqual([]);
    expect((await d.admin('GET', `${A}/members`)).json.items).toMatchObject([{ entity_id: RP }]);
    expect(await d.rows('SELECT jwks, metadata, approved_sha256 FROM member')).toEqual([{ jwks: '{"keys":[', metadata: 'x', approved_sha256: null }]);
  });

  it('does not come back as it is: nobody has decided about it; with keys that a person binds it does', async () => {
    const d = await deployment();
    const { jwks } = await testMember(RP);
    await d.execute(`UPDATE member SET jwks = '{"keys":[' WHERE entity_id = '${RP}'`);
    await act(d, 'suspend');
    expect((await act(d, 'resume', {})).json.code).toBe('wrong_state');
    expect(await fetched(d)).toBe(404);
    await d.execute(`UPDATE member SET jwks = '${JSON.stringify(jwks)}' WHERE entity_id = '${RP}'`);
    const { v } = (await d.admin('GET', `${A}/members/${of(RP)}`)).json;
    expect((await act(d, 'resume', { v })).status).toBe(200);
    expect(await fetched(d)).toBe(200);
  });
});

describe('an authority whose row is damaged', () => {
  it.each([
    ['whom it answers', "client_auth = '{'"],
    ['its identifier', "entity_id = 'nonsense'"],
  ])('%s: the others are served', async (_, set) => {
    const d = await deployment();
    await d.execute(`UPDATE authority SET ${set} WHERE slug = 'marks'`);
    await d.store.write([]);
    await act(d, 'suspend', {});
    expect(await fetched(d)).toBe(200);
    expect((await d.public(`${MARKS}/list`)).status).toBe(set.startsWith('client') ? 401 : 404);
  });
});

it('what stands about the clock is damaged: nothing is signed until somebody says that it is right, and that mends it', async () => {
  const d = await deployment();
  await d.execute("UPDATE setting SET value = '{' WHERE name = 'clock'");
  d.clock = NOW + 10;
  await expect(backgroundTurn(d.deployment, { more: () => true })).rejects.toThrow(/the clock is not trusted/);
  expect((await d.admin('PATCH', A, { metadata: {} })).status).toBe(503);
  expect((await act(d, 'suspend')).status).toBe(200);
  expect((await d.admin('POST', '/clock/confirm', { reason: 'looked' })).json.trusted).toBe(true);
  await backgroundTurn(d.deployment, { more: () => true });
});
