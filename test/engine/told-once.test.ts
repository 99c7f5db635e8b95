import { describe, expect, it } from 'vitest';
import { refreshOwnMarks } from '../../src/operations/marks/own-marks.js';
import { checkAnchor, pinAnchor } from '../../src/operations/resolving/anchors.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const ISSUER = 'https://marks.elsewhere.example';
const TYPE = 'https://anchor.example.org/marks/certified';
const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;
const ENDPOINT = `${ISSUER}/m?${new URLSearchParams({ trust_mark_type: TYPE, sub: ANCHOR })}`;

/** Somebody else's issuer, whose mark our configuration shows. */
async function shown(life: number) {
  const d = await testDeployment();
  const issuer = await testKey();
  const mark = () => issuer.jwt({ iss: ISSUER, sub: ANCHOR, trust_mark_type: TYPE, iat: d.clock, exp: d.clock + life }, { typ: 'trust-mark+jwt' });
  d.network.set(
    `${ISSUER}/.well-known/openid-federation`,
    await issuer.jwt({
      iss: ISSUER,
      sub: ISSUER,
      iat: NOW,
      exp: NOW + 100 * DAY,
      jwks: { keys: [issuer.jwk] },
      metadata: { federation_entity: { federation_trust_mark_endpoint: `${ISSUER}/m` } },
    }),
  );
  const first = await mark();
  expect((await d.admin('POST', `${A}/own-marks`, { trust_mark: first })).status).toBe(201);
  const told = async () => (await d.rows("SELECT type FROM event WHERE type LIKE 'own_trust_mark.%' ORDER BY seq")).map(({ type }) => String(type).slice(15));
  /** Pass time in steps, looking at each. */
  const pass = async (seconds: number, step: number, each: (n: number) => Promise<void> = async () => {}) => {
    for (let at = 0, n = 0; at < seconds; at += step, n++) {
      d.clock += step;
      await each(n);
      await refreshOwnMarks(d.deployment);
    }
  };
  return { d, mark, first, told, pass };
}

describe('what a look at somebody else finds is told once per change', () => {
  it('an issuer of a mark of ours: that it cannot be asked, and that it can again', async () => {
    const { d, first, told, pass } = await shown(100 * DAY);
    await pass(2 * DAY, 60 * MINUTE);
    expect(await told()).toEqual(['shown', 'not_confirmed']);
    d.network.set(ENDPOINT, first);
    await pass(2 * DAY, 60 * MINUTE);
    expect(await told()).toEqual(['shown', 'not_confirmed', 'confirmed']);
    d.network.delete(ENDPOINT);
    await pass(DAY, 60 * MINUTE);
    expect(await told()).toEqual(['shown', 'not_confirmed', 'confirmed', 'not_confirmed']);
    const [words] = await d.rows(
      "SELECT p.payload FROM event AS e JOIN event_private AS p ON p.authority_id = e.authority_id AND p.seq = e.seq WHERE e.type = 'own_trust_mark.not_confirmed'",
    );
    expect(words?.['payload']).toContain('nobody answers');
  });

  it('however often a hostile one changes its mind: a handful a day', async () => {
    const { d, first, told, pass } = await shown(100 * DAY);
    await pass(DAY, 10 * MINUTE, async () => void (d.network.has(ENDPOINT) ? d.network.delete(ENDPOINT) : d.network.set(ENDPOINT, first)));
    expect((await told()).length).toBeLessThanOrEqual(6);
  });

  it('one that gives marks for minutes makes us sign and write no more often than every half hour', async () => {
    const { d, mark, told, pass } = await shown(5 * MINUTE);
    await pass(DAY, 2 * MINUTE, async () => void d.network.set(ENDPOINT, await mark()));
    const all = await told();
    expect(all.length).toBeLessThanOrEqual(49);
    expect(all.every((one) => one === 'shown' || one === 'refreshed')).toBe(true);
  });

  it('an anchor whose keys somebody compares', async () => {
    const d = await testDeployment();
    const other = await testMember('https://other.example.org');
    const configuration = await other.configuration({ authority_hints: undefined, metadata: { federation_entity: {} } });
    await pinAnchor(d.call, 'main', { entityId: other.id, jwks: (await testMember(other.id)).jwks });
    const told = async () => (await d.rows("SELECT type FROM event WHERE type LIKE 'anchor.problem_%' ORDER BY seq")).map(({ type }) => type);
    for (let n = 0; n < 3; n++) await checkAnchor(d.call, 'main', other.id);
    expect(await told()).toEqual(['anchor.problem_raised']);
    d.network.set(`${other.id}/.well-known/openid-federation`, configuration);
    for (let n = 0; n < 2; n++) expect((await checkAnchor(d.call, 'main', other.id)).findings).not.toEqual([]);
    expect(await told(), 'another problem, and still one').toEqual(['anchor.problem_raised']);
    await pinAnchor(d.call, 'main', { entityId: other.id, jwks: other.jwks });
    for (let n = 0; n < 2; n++) expect((await checkAnchor(d.call, 'main', other.id)).findings).toEqual([]);
    expect(await told(), 'a pin that is new has no problem to begin with').toEqual(['anchor.problem_raised']);
    d.network.delete(`${other.id}/.well-known/openid-federation`);
    await checkAnchor(d.call, 'main', other.id);
    d.network.set(`${other.id}/.well-known/openid-federation`, configuration);
    await checkAnchor(d.call, 'main', other.id);
    expect(await told()).toEqual(['anchor.problem_raised', 'anchor.problem_raised', 'anchor.problem_cleared']);
  });
});
