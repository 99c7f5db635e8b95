import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const DAY = 86_400;
const KEYS = '/authorities/main/keys';
const MEMBERS = '/authorities/main/members';
const TYPE = 'https://marks.example.org/vetted';
const RP = 'https://rp.example.com';
const work = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });

interface Key {
  readonly kid: string;
  readonly state: string;
  readonly signed_until: number | null;
  readonly unseen_until: number | null;
}
const keys = async (d: TestDeployment): Promise<readonly Key[]> => (await d.admin('GET', KEYS)).json.items;
const keyOf = async (d: TestDeployment, kid: string) => (await keys(d)).find((one) => one.kid === kid) as Key;

/** An authority with a first key, a member, and what else is asked for; then another key signs and the first one is retiring. */
async function rotated(d: TestDeployment): Promise<string> {
  const [first] = await keys(d);
  const { kid } = (await d.admin('POST', KEYS, {})).json;
  const { unseen_until } = await keyOf(d, kid);
  d.clock = Math.max(d.clock, unseen_until as number);
  expect((await d.admin('POST', `${KEYS}/${kid}/activate`)).status).toBe(200);
  await work(d);
  return first?.kid as string;
}

async function enrolled(d: TestDeployment, more: object = {}) {
  const { jwks } = await testMember(RP);
  expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks, activate: true, ...more })).status).toBe(201);
}

const retire = (d: TestDeployment, kid: string, body: object = {}) => d.admin('POST', `${KEYS}/${kid}/retire`, body);

/** At its end the key goes, a second before it does not. */
async function expectGoneAt(d: TestDeployment, kid: string, end: number) {
  expect(await keyOf(d, kid)).toMatchObject({ state: 'retiring', signed_until: end });
  d.clock = end - 1;
  await work(d);
  expect(await retire(d, kid)).toMatchObject({ status: 409, json: { code: 'key_not_ready', detail: expect.stringContaining('another 1 s') } });
  d.clock = end;
  await work(d);
  expect((await keyOf(d, kid)).state).toBe('historical');
}

describe('KR-02 a key leaves the configuration only when nothing it signed can be valid any more (§11.2)', () => {
  it('not even a Trust Mark', async () => {
    const d = await testDeployment();
    await enrolled(d);
    await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE, lifetime: 90 * DAY });
    expect((await d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: RP })).status).toBe(201);
    const mark = decodeJwt((await d.public(`/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(RP)}`)).text);
    expect(mark.exp).toBe(NOW + 90 * DAY);
    await expectGoneAt(d, await rotated(d), NOW + 90 * DAY);
  });

  it('not a statement whose member has a lifetime of its own', async () => {
    const d = await testDeployment();
    await enrolled(d, { statement_lifetime: 6 * DAY });
    await expectGoneAt(d, await rotated(d), NOW + 6 * DAY);
  });

  it('not what was signed while lifetimes were longer', async () => {
    const d = await testDeployment({ statementLifetime: 7 * DAY, configurationLifetime: 7 * DAY });
    await enrolled(d);
    expect((await d.admin('PATCH', '/authorities/main', { statement_lifetime: 3600, configuration_lifetime: 3600 })).status).toBe(200);
    await work(d);
    const [first] = await keys(d);
    expect(first?.signed_until).toBe(NOW + 7 * DAY);
    const { kid } = (await d.admin('POST', KEYS, {})).json;
    // Whoever keeps a configuration of before does not know the new key for as long.
    expect(await keyOf(d, kid)).toMatchObject({ unseen_until: NOW + 7 * DAY });
    d.clock = NOW + 7 * DAY - 1;
    expect(await d.admin('POST', `${KEYS}/${kid}/activate`)).toMatchObject({ status: 409, json: { code: 'key_not_ready' } });
    d.clock = NOW + 7 * DAY;
    expect((await d.admin('POST', `${KEYS}/${kid}/activate`)).status).toBe(200);
  });

  it('a renewal raises it, and a change of the key made at the same time does not take that back', async () => {
    const d = await testDeployment();
    await enrolled(d);
    d.clock += DAY - 60;
    await work(d);
    const first = await rotated(d);
    const before = await keyOf(d, first);
    expect(before.signed_until).toBeGreaterThan(NOW + DAY);
    await d.execute(`UPDATE authority_key SET signed_until = signed_until + 1000 WHERE kid = '${first}'`);
    await d.admin('POST', KEYS, {});
    expect((await keyOf(d, first)).signed_until).toBe((before.signed_until as number) + 1000);
  });

  it('a mark without an end holds its key until a person takes it out by force, with a reason', async () => {
    const d = await testDeployment();
    await enrolled(d);
    await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE, lifetime: null });
    expect((await d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: RP })).status).toBe(201);
    const first = await rotated(d);
    d.clock += 400 * DAY;
    await work(d);
    expect(await retire(d, first)).toMatchObject({ status: 409, json: { code: 'key_not_ready', detail: expect.stringContaining('without an end') } });
    expect((await retire(d, first, { force: true })).status).toBe(400);
    expect((await retire(d, first, { force: true, reason: 'all bearers show the new ones' })).json).toMatchObject({ state: 'historical' });
    const { items } = (await d.admin('GET', '/authorities/main/events?limit=200')).json;
    expect(items.at(-1)).toMatchObject({ type: 'key.retired_by_force', reason: 'all bearers show the new ones' });
  });
});
