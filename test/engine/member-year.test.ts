import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { KEY_PROOF_TYP, keyProofClaims } from '../../src/federation/key-proof.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { type Answer, ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { apply, askJoin } from '../support/join.js';
import { type TestKey, testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const AGENT = 'https://agent.example.com';
const TYPE = 'https://anchor.example.org/marks/vetted';
const DAY = 86_400;
const of = encodeURIComponent;
const wellKnown = `${AGENT}/.well-known/openid-federation`;

function ok({ status, text, json }: Answer, expected = 200) {
  expect(status, text).toBe(expected);
  return json;
}
const no = ({ status, json }: Answer) => [status, json.code];

/** How every public endpoint answers about the member: in force, cut, or as if it had never been there. */
const DOORS = {
  'in force': { fetch: 200, list: true, extended: true, resolve: 200, client: 200, mark: 200, bearers: true, status: 'active', events: 200, collection: true },
  'cut off': {
    ...{ fetch: 404, list: false, extended: false, resolve: 404, client: 404, mark: 404, bearers: false, status: 'revoked', events: 200, collection: false },
  },
  unknown: {
    fetch: 404,
    list: false,
    extended: false,
    resolve: 404,
    client: 404,
    mark: 404,
    bearers: false,
    status: undefined,
    events: 404,
    collection: false,
  },
} as const;

class Year {
  mark: string | undefined;
  constructor(
    readonly d: TestDeployment,
    readonly doors: { client?: string } = {},
  ) {}

  async work(): Promise<void> {
    await backgroundTurn(this.d.deployment, { more: () => true });
    await discoveryTurn(this.d.deployment, { more: () => true });
  }

  /** Ask everyone about it. */
  async look() {
    const { d, doors, mark } = this;
    const names = async (path: string) => JSON.stringify((await d.public(path)).json).includes(AGENT);
    const form = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `trust_mark=${mark}` };
    return {
      fetch: (await d.public(`/fetch?sub=${of(AGENT)}`)).status,
      list: await names('/list'),
      extended: await names('/extended-list'),
      resolve: (await d.public(`/resolve?sub=${of(AGENT)}&trust_anchor=${of(ANCHOR)}`)).status,
      client: doors.client === undefined ? 404 : (await d.public(`/clients/${doors.client}`)).status,
      mark: (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(AGENT)}`)).status,
      bearers: await names(`/trust-mark-list?trust_mark_type=${of(TYPE)}`),
      status: mark === undefined ? undefined : decodeJwt((await d.public('/trust-mark-status', form)).text)['status'],
      events: (await d.public(`/subordinate-events?sub=${of(AGENT)}`)).status,
      collection: await names('/collection'),
    };
  }
  async stands(as: keyof typeof DOORS, why: string, but: object = {}): Promise<void> {
    expect(await this.look(), why).toEqual({ ...DOORS[as], ...but });
  }
}

/** Answer a challenge with each key. */
const proofs = (challenge: object, keys: readonly TestKey[], now: number) =>
  Promise.all(keys.map((key, n) => key.jwt(keyProofClaims(challenge as never, AGENT, `j${n}-${now}`, now), { typ: KEY_PROOF_TYP })));

it('a member’s whole year: applied, proven, accredited, decided by two, active, marked, rotated, lapsed, renewed, resumed, halted, barred; each public endpoint follows', async () => {
  const d = await testDeployment({ subordinateEvents: true, entityCollection: true });
  const year = new Year(d);
  const { owners, operator, approvers } = await twoDecide(d, 2);
  const [ann, bob] = owners;
  const [carl, dora] = approvers;
  /** One asks, another one does it. */
  const both = async (method: string, path: string, body: object, expected = 200) => {
    expect((await ann.as(method, path, body)).status, path).toBe(202);
    return ok(await bob.as(method, path, body), expected);
  };
  const twoApprove = async (verb: string) => {
    expect((await carl.as('POST', `${A}/members/${of(AGENT)}/${verb}`, { reason: 'seen' })).status, verb).toBe(202);
    return ok(await dora.as('POST', `${A}/members/${of(AGENT)}/${verb}`, { reason: 'seen' }));
  };
  ok(await ann.as('PUT', `${A}/binding`, { key_proof: 'required' }));
  ok(await ann.as('PUT', `${A}/admission`, { rules: { oauth_client: { accreditations: ['security_review'] } } }));
  ok(await ann.as('POST', `${A}/mark-types`, { trust_mark_type: TYPE, lifetime: 30 * DAY }), 201);
  await year.stands('unknown', 'before anything');

  // March: it applies by a link, proves its key, is taken, and waits for what it has to show.
  const client = await testKey();
  const agent = await testMember(AGENT);
  const metadata = {
    oauth_client: { client_name: 'Agent', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] } },
  };
  let keys: readonly TestKey[] = [agent.key];
  const publish = async () => {
    const jwks = { keys: keys.map(({ jwk }) => jwk) };
    d.network.set(wellKnown, await agent.configuration({ metadata, jwks, iat: d.clock, exp: d.clock + 30 * DAY }, keys[0]));
  };
  await publish();
  const asked = { jwks: agent.jwks, entity_types: ['oauth_client'], scopes: ['read'], contacts: [{ email: 'ada@agent.example' }] };
  const own = await apply(d, AGENT, asked);
  const mine = { token: own.token };
  const challenge = ok(await askJoin(d, 'POST', `/applications/${own.id}/challenges`, {}, mine), 201);
  ok(
    await askJoin(d, 'POST', `/applications/${own.id}/proofs`, { challenge_id: challenge.challenge_id, proofs: await proofs(challenge, keys, d.clock) }, mine),
  );
  await year.stands('unknown', 'applied');
  const { member: id } = ok(await operator.as('POST', `${A}/applications/${own.id}/take`, {}));
  year.doors.client = id;
  expect(no(await carl.as('POST', `${A}/members/${id}/approve`, { reason: 'in a hurry' })), 'nothing shown yet').toEqual([422, 'accreditation_not_in_force']);
  const review = { kind: 'security_review', issuer: 'Reviewers AB', valid_until: d.clock + 90 * DAY };
  const accreditation = ok(await operator.as('POST', `${A}/accreditations`, { ...review, member: AGENT }), 201).id;
  const evidence = { accreditation, uri: 'https://documents.example.org/review.pdf', sha256: 'a'.repeat(64), media_type: 'application/pdf' };
  const handed = ok(await operator.as('POST', `${A}/evidence`, evidence), 201).id;
  expect(no(await operator.as('POST', `${A}/evidence/${handed}/review`, {})), 'his own').toEqual([403, 'self_approval']);
  ok(await carl.as('POST', `${A}/evidence/${handed}/review`, {}));
  ok(await carl.as('POST', `${A}/accreditations/${accreditation}/verify`, {}));
  expect(no(await operator.as('POST', `${A}/members/${id}/approve`, {})), 'an operator').toEqual([403, 'permission_denied']);
  await twoApprove('approve');
  await year.work();
  await year.stands('unknown', 'approved: nothing is signed yet');

  // April: active, and marked.
  ok(await carl.as('POST', `${A}/members/${id}/activate`, {}));
  await year.work();
  await both('POST', `${A}/marks`, { trust_mark_type: TYPE, member: id }, 201);
  year.mark = (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(AGENT)}`)).text;
  await year.work();
  await year.stands('in force', 'active and marked');
  expect((await d.public(`/clients/${id}`)).json).toMatchObject({ scope: 'read', jwks: { keys: [client.jwk] } });

  // June: it rolls its key over, and is followed because it has proven the new one.
  d.clock += 60 * DAY;
  const next = await testKey();
  keys = [agent.key, next];
  const rotation = ok(await operator.as('POST', `${A}/members/${id}/keys/challenges`, { purpose: 'rotate', jwks: { keys: [next.jwk] } }), 201);
  ok(await operator.as('POST', `${A}/members/${id}/keys/proofs`, { challenge_id: rotation.challenge_id, proofs: await proofs(rotation, [next], d.clock) }));
  await publish();
  await year.work();
  ok(await operator.as('POST', `${A}/members/${id}/keys/adopt`, {}));
  await year.work();
  year.mark = (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(AGENT)}`)).text;
  await year.stands('in force', 'with another key');
  const said = decodeJwt((await d.public(`/fetch?sub=${of(AGENT)}`)).text) as { jwks: { keys: object[] }; exp: number };
  expect(said.jwks.keys).toHaveLength(2);

  // July: the review has lapsed. No job has run, and nothing of it is in force any more.
  d.clock += 30 * DAY;
  const lapsed = await year.look();
  expect(lapsed, 'by time alone').toMatchObject({ fetch: 404, list: false, extended: false, mark: 404, bearers: false, collection: false });
  expect([lapsed.resolve, lapsed.client]).not.toContain(200);
  expect(lapsed.status).not.toBe('active');
  await year.work();
  expect((await d.admin('GET', `${A}/members/${id}`)).json.state).toBe('suspended');
  await year.stands('cut off', 'suspended', { status: 'expired' });
  expect(no(await carl.as('POST', `${A}/members/${id}/resume`, { reason: 'asked by telephone' }))).toEqual([422, 'accreditation_not_in_force']);

  // August: renewed, proven anew, resumed by two.
  const renewed = ok(await operator.as('POST', `${A}/accreditations/${accreditation}/renew`, { valid_until: d.clock + 365 * DAY }), 201).id;
  ok(await dora.as('POST', `${A}/accreditations/${renewed}/verify`, {}));
  const back = ok(await operator.as('POST', `${A}/members/${id}/keys/challenges`, { purpose: 'resume' }), 201);
  ok(await operator.as('POST', `${A}/members/${id}/keys/proofs`, { challenge_id: back.challenge_id, proofs: await proofs(back, keys, d.clock) }));
  await twoApprove('resume');
  await publish();
  await year.work();
  await year.work();
  year.mark = (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(AGENT)}`)).text;
  await year.stands('in force', 'resumed');
  expect((await d.admin('GET', `${A}/members/${id}`)).json.not_before, 'tokens from before stay dead').toBe(d.clock);

  // November: one person halts it, at once, for good.
  const halt = { level: 'member', authority: 'main', member: AGENT, mode: 'revoke', reason: 'fraud', reason_code: 'security_incident' };
  const { receipt } = ok(await operator.as('POST', '/halts', halt));
  await year.stands('cut off', 'halted, before any job', { events: 503 });
  expect(receipt.answers).toContainEqual(expect.objectContaining({ what: 'client_metadata_document', status: 404 }));
  await year.work();
  await year.stands('cut off', 'halted');

  // December: it is barred. It applies again, and comes back with no key that it ever had.
  const again = await apply(d, AGENT, asked);
  const same = { waive: ['organization_known'] };
  expect(no(await operator.as('POST', `${A}/applications/${again.id}/take`, same)), 'barred').toEqual([409, 'already_exists']);
  const readmit = { ...same, readmit: 'new owners, new review' };
  expect(no(await operator.as('POST', `${A}/applications/${again.id}/take`, readmit)), 'an operator').toEqual([403, 'permission_denied']);
  const refused = await ann.as('POST', `${A}/applications/${again.id}/take`, readmit);
  expect([refused.status, refused.json.code, refused.json.detail], 'with its old key').toEqual([
    409,
    'wrong_state',
    expect.stringContaining('comes back with other keys than it ever had'),
  ]);
  const fresh = await testKey();
  keys = [fresh];
  await publish();
  const clean = await apply(d, AGENT, { ...asked, jwks: { keys: [fresh.jwk] } });
  expect(ok(await ann.as('POST', `${A}/applications/${clean.id}/take`, readmit)).readmission).toBe(true);
  await year.work();
  await year.stands('cut off', 'readmitted to vetting: nothing is signed');
  expect(await fsck(d.deployment)).toEqual([]);
});
