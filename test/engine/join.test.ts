import { describe, expect, it } from 'vitest';
import { keyProofClaims, KEY_PROOF_TYP } from '../../src/federation/key-proof.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';
import { act, apply, askJoin, newLink } from '../support/join.js';

const RP = 'https://rp.example';
const MEMBERS = '/authorities/main/members';
const APPLICATIONS = '/authorities/main/applications';

describe('an application', () => {
  it('goes from a link to an active member, by the life cycle that every member has', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await d.admin('PUT', '/authorities/main/binding', { key_proof: 'required' });
    const link = await newLink(d, 2);
    const offer = await askJoin(d, 'GET', `/${link.id}`);
    expect(offer.status, offer.text).toBe(200);
    const own = await apply(d, RP, { jwks: rp.jwks, contacts: [{ name: 'Ada', email: 'ada@rp.example' }], message: 'hello' }, link);
    const mine = { token: own.token };
    const path = `/applications/${own.id}`;
    const challenge = await askJoin(d, 'POST', `${path}/challenges`, {}, mine);
    expect(challenge.status, challenge.text).toBe(201);
    const proof = await rp.key.jwt(keyProofClaims(challenge.json, RP, 'j1', NOW), { typ: KEY_PROOF_TYP });
    const proven = await askJoin(d, 'POST', `${path}/proofs`, { challenge_id: challenge.json.challenge_id, proofs: [proof] }, mine);
    expect(proven.status, proven.text).toBe(200);
    expect((await d.admin('GET', MEMBERS)).json.items, 'nothing of it is a member').toEqual([]);
    const shown = await d.admin('GET', `${APPLICATIONS}/${own.id}`);
    expect(shown.json, shown.text).toMatchObject({ state: 'applied', conflicts: [], messages: [{ from: 'applicant', text: 'hello' }] });
    const taken = await act(d, own.id, 'take');
    expect(taken.json, taken.text).toMatchObject({ state: 'vetting', waiting_on: 'reviewer', findings: [] });
    expect((await d.admin('POST', `${MEMBERS}/${taken.json.member}/approve`, {})).json.state).toBe('approved');
    const active = await d.admin('POST', `${MEMBERS}/${taken.json.member}/activate`, {});
    expect(active.json.state, active.text).toBe('active');
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(200);
    const last = await askJoin(d, 'GET', path, undefined, mine);
    expect(last.json, last.text).toMatchObject({ state: 'active' });
  });
});
