import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';
const WELL_KNOWN = `${RP}/.well-known/openid-federation`;
const LIFE = 4000;
/** Half of a life and the spread around it are over: it has to be found out again. */
const LATER = NOW + 0.56 * LIFE;

const discover = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });
const ask = (d: TestDeployment, more = '') => d.public(`/resolve?sub=${encodeURIComponent(RP)}&trust_anchor=${encodeURIComponent(ANCHOR)}${more}`);
const metadata = (name: string) => ({ openid_relying_party: { redirect_uris: [`${RP}/cb`], jwks_uri: `${RP}/jwks`, client_name: name }, oauth_client: {} });

/** A member whose configuration ends before everything else in its chain. */
async function answered(exp = NOW + LIFE) {
  const d = await testDeployment();
  const rp = await testMember(RP);
  const publish = async (claims: object) => void d.network.set(WELL_KNOWN, await rp.configuration({ metadata: metadata('old'), ...claims }));
  await publish({ exp });
  expect((await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true })).status).toBe(201);
  await discover(d);
  const first = decodeJwt((await ask(d)).text);
  d.asked.length = 0;
  return { d, rp, first, publish };
}

describe('TC-16 §10.5: an answer near its end is found out again, and never outlives it', () => {
  it('from a fresh walk: asked anew, a new chain, a later end, what is declared now', async () => {
    const { d, first, publish } = await answered();
    expect(first.exp).toBe(NOW + LIFE);
    await publish({ iat: LATER - 5, exp: LATER + LIFE, metadata: metadata('new') });
    d.clock = NOW + 0.4 * LIFE;
    await discover(d);
    expect([d.asked, decodeJwt((await ask(d)).text)], 'not before that').toEqual([[], first]);
    d.clock = LATER;
    await backgroundTurn(d.deployment, { more: () => true });
    expect(decodeJwt((await ask(d)).text), 'never just signed again').toEqual(first);
    await discover(d);
    expect(d.asked).toContain(WELL_KNOWN);
    const second = decodeJwt((await ask(d)).text);
    expect(second).toMatchObject({ iat: LATER, exp: LATER + LIFE, metadata: metadata('new') });
    const chain = second['trust_chain'] as string[];
    expect(chain[0]).toBe(d.network.get(WELL_KNOWN));
    expect(Math.min(...chain.map((one) => Number(decodeJwt(one).exp)))).toBe(second.exp);
    const other = decodeJwt((await ask(d, '&entity_type=oauth_client')).text);
    expect([other.exp, other['metadata']], 'for each set of Entity Types').toEqual([LATER + LIFE, { oauth_client: {} }]);
  });
  it.each([NOW + LIFE, NOW + LIFE + 0.75])('SE-08 RE-05: with nobody to renew it, it is served until its end and not a second longer (%d)', async (exp) => {
    const { d, first } = await answered(exp);
    expect(first.exp, 'whole seconds, never later than what it rests on').toBe(NOW + LIFE);
    d.network.clear();
    for (const more of ['', '&entity_type=oauth_client']) {
      d.clock = NOW + LIFE - 1;
      const last = await ask(d, more);
      expect([last.status, last.headers.get('cache-control')]).toEqual([200, 'public, max-age=1']);
      for (const late of [0, 1, LIFE]) {
        d.clock = NOW + LIFE + late;
        const answer = await ask(d, more);
        expect([answer.status, answer.json.error, answer.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '10']);
      }
    }
  });
  it('whom the walk cannot reach at that time may pass: the answer is served to its end, and renewed when a retry succeeds', async () => {
    const { d, first, publish } = await answered();
    d.network.clear();
    d.clock = LATER;
    await discover(d);
    expect(d.asked).toContain(WELL_KNOWN);
    expect(decodeJwt((await ask(d)).text)).toEqual(first);
    d.clock = NOW + LIFE;
    await discover(d);
    expect((await ask(d)).status).toBe(503);
    d.clock += 3600;
    await publish({ iat: d.clock - 5, exp: d.clock + LIFE });
    await backgroundTurn(d.deployment, { more: () => true });
    await discover(d);
    expect(decodeJwt((await ask(d)).text).exp).toBe(d.clock + LIFE);
  });
  it('what the fresh walk refuses is served no more, though the old answer had not ended', async () => {
    const { d, rp, publish } = await answered();
    const other = await testMember(RP);
    d.network.set(WELL_KNOWN, await other.configuration({ iat: LATER - 5, exp: LATER + LIFE }));
    d.clock = LATER;
    await discover(d);
    expect(await ask(d)).toMatchObject({ status: 400, json: { error: 'invalid_trust_chain' } });
    expect(rp.key.kid).not.toBe(other.key.kid);
    d.clock = LATER + 3600;
    await publish({ iat: d.clock - 5, exp: d.clock + LIFE });
    await discover(d);
    expect((await ask(d)).status, 'and again when it is right again').toBe(200);
  });
});
