import { platform } from '#test-platform';
import { describe, expect, it } from 'vitest';
import { keyProofClaims, KEY_PROOF_TYP } from '../../src/federation/key-proof.js';
import { fsck } from '../../src/operations/fsck.js';
import { takeApplication } from '../../src/operations/join/take.js';
import { type Answer, ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';
import { act, apply, askJoin, newLink } from '../support/join.js';
import { testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const RP = 'https://rp.example';
const MEMBERS = '/authorities/main/members';
const APPLICATIONS = '/authorities/main/applications';
/** By somebody who knows that nobody answers there. */
const UNPUBLISHED = { waive: ['fetch_failed'] };
const AGAIN = { waive: ['fetch_failed', 'organization_known'] };
const code = ({ status, json }: Answer) => [status, json.code];
const at = (id: string) => `/applications/${id}`;

describe('an application', () => {
  it('goes from a link to an active member, by the life cycle that every member has; what it takes of two persons is theirs', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await d.admin('PUT', '/authorities/main/binding', { key_proof: 'required' });
    const { operator, approvers } = await twoDecide(d, 2);
    const link = await newLink(d, 2);
    expect((await askJoin(d, 'GET', `/${link.id}`)).json).toMatchObject({ authority: { entity_id: ANCHOR }, key_proof: 'required' });
    const own = await apply(d, RP, { jwks: rp.jwks, contacts: [{ email: 'ada@rp.example' }], message: 'hello', scopes: ['read'] }, link);
    const mine = { token: own.token };
    expect(d.asked, 'to hand it in asks nobody').toEqual([]);
    const challenge = await askJoin(d, 'POST', `${at(own.id)}/challenges`, {}, mine);
    const proof = await rp.key.jwt(keyProofClaims(challenge.json, RP, 'j1', NOW), { typ: KEY_PROOF_TYP });
    const answered = { challenge_id: challenge.json.challenge_id, proofs: [proof] };
    expect(code(await askJoin(d, 'POST', `${at(own.id)}/proofs`, { ...answered, proofs: [`${proof}x`] }, mine))).toEqual([422, 'key_proof_invalid']);
    expect((await askJoin(d, 'POST', `${at(own.id)}/proofs`, answered, mine)).json.keys).toHaveLength(1);
    expect(code(await askJoin(d, 'POST', `${at(own.id)}/proofs`, answered, mine)), 'once').toEqual([422, 'challenge_invalid']);
    expect((await askJoin(d, 'POST', `${at(own.id)}/preflight`, {}, mine)).json).toMatchObject({ ok: true });
    expect((await d.admin('GET', MEMBERS)).json.items, 'nothing of it is a member').toEqual([]);
    expect((await d.admin('GET', `${APPLICATIONS}/${own.id}`)).json).toMatchObject({
      state: 'applied',
      conflicts: [],
      contacts: [{ email: 'ada@rp.example' }],
      messages: [{ from: 'applicant', text: 'hello' }],
    });
    const before = await d.rows('SELECT count(*) AS n FROM event');
    expect((await d.admin('POST', `${APPLICATIONS}/${own.id}/take?dry_run=true`, {})).json).toMatchObject({ state: 'vetting', dry_run: true });
    expect(await d.rows('SELECT count(*) AS n FROM event'), 'a dry run').toEqual(before);
    const taken = await act(d, own.id, 'take', {}, operator.token);
    expect(taken.json, taken.text).toMatchObject({ state: 'vetting', waiting_on: 'reviewer', findings: [], taken_by: operator.id });
    const approve = `${MEMBERS}/${taken.json.member}/approve`;
    const [one, two] = approvers;
    // One has approved, then it is changed: the applicant was asked something.
    expect((await one.as('POST', approve, {})).status).toBe(202);
    expect(code(await askJoin(d, 'PATCH', at(own.id), { scopes: ['admin'] }, mine)), 'nobody asked').toEqual([409, 'wrong_state']);
    await act(d, own.id, 'ask', { text: 'which scopes?' }, operator.token);
    const edited = await askJoin(d, 'PATCH', at(own.id), { scopes: ['read', 'write'] }, mine);
    expect(edited.json, edited.text).toMatchObject({ state: 'applied', waiting_on: 'applicant' });
    await askJoin(d, 'POST', `${at(own.id)}/messages`, { text: 'these' }, mine);
    expect(code(await two.as('POST', approve, {})), 'it is looked at anew').toEqual([409, 'wrong_state']);
    expect((await act(d, own.id, 'take', {}, operator.token)).json).toMatchObject({ state: 'vetting', member: taken.json.member });
    expect((await two.as('POST', approve, {})).status, 'the first half counts no more').toBe(202);
    expect((await one.as('POST', approve, {})).json.state).toBe('approved');
    expect((await d.admin('GET', `${MEMBERS}/${taken.json.member}/entitlements`)).json.entitlements.map((e: { value: string }) => e.value)).toEqual([
      'read',
      'write',
    ]);
    const active = await one.as('POST', `${MEMBERS}/${taken.json.member}/activate`, {});
    expect(active.json.state, active.text).toBe('active');
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(200);
    expect((await askJoin(d, 'GET', at(own.id), undefined, mine)).json).toMatchObject({ state: 'active', messages: [{}, {}, {}] });
    // The token of the application says nothing about a member.
    for (const verb of ['withdraw', 'challenges', 'preflight'])
      expect(code(await askJoin(d, 'POST', `${at(own.id)}/${verb}`, {}, mine))).toEqual([409, 'wrong_state']);
    expect(code(await askJoin(d, 'PATCH', at(own.id), { scopes: ['all'] }, mine))).toEqual([409, 'wrong_state']);
    expect((await fsck(d.deployment)).map((found) => found.code)).toEqual([]);
  });

  it('is answered alike whoever bears the identifier; a reviewer sees whose it is, and taking goes by the rules of every enrolment', async () => {
    const d = await testDeployment();
    const [held, barred, gone] = ['https://held.example', 'https://barred.example', 'https://gone.example'];
    const key = await testKey();
    for (const id of [held, barred])
      await d.admin('POST', MEMBERS, { entity_id: id, jwks: { keys: [id === barred ? key.jwk : (await testKey()).jwk] }, activate: true });
    await d.admin('POST', `${MEMBERS}/${encodeURIComponent(barred)}/revoke`, { reason: 'fraud' });
    const link = await newLink(d, 100);
    const jwks = { keys: [(await testKey()).jwk] };
    const hand = (entity_id: string) =>
      askJoin(d, 'POST', '/applications', { join_link: link.id, entity_id, organization: { legal_name: 'X' }, jwks }, { token: link.secret });
    const answers = await Promise.all([held, barred, gone, ANCHOR, 'https://HELD.example'].map(hand));
    const shapes = answers.map(({ status, json, headers }) => {
      const { id, token, entity_id, next, ...rest } = json;
      return [status, { ...rest, next: next.length }, [id.length, token.length, typeof entity_id], [...headers.keys()]];
    });
    for (const shape of shapes) expect(shape).toEqual(shapes[2]);
    const ids: string[] = answers.map(({ json }) => json.id);
    // So does everything that follows, as long as no person has looked at it.
    for (const [n, { json }] of answers.entries()) {
      const mine = { token: json.token };
      expect((await askJoin(d, 'POST', `${at(json.id)}/challenges`, {}, mine)).status, ids[n]).toBe(201);
      expect((await askJoin(d, 'PATCH', at(json.id), { scopes: ['read'] }, mine)).json.state).toBe('applied');
      expect((await askJoin(d, 'GET', at(json.id), undefined, mine)).json.findings).toEqual([]);
    }
    const conflicts = await Promise.all(
      ids.map(async (id) => (await d.admin('GET', `${APPLICATIONS}/${id}`)).json.conflicts.map((one: { code: string }) => one.code)),
    );
    expect(conflicts).toEqual([['identifier_held'], ['identifier_barred'], [], ['identifier_of_authority'], ['identifier_respelled']]);
    const [heldId, barredId, goneId, ownId, respelledId] = ids as [string, string, string, string, string];
    expect(code(await act(d, heldId, 'take', UNPUBLISHED))).toEqual([409, 'already_exists']);
    expect(code(await act(d, barredId, 'take', UNPUBLISHED))).toEqual([409, 'already_exists']);
    expect(code(await act(d, ownId, 'take', UNPUBLISHED))).toEqual([400, 'invalid_request']);
    expect(code(await act(d, respelledId, 'take', UNPUBLISHED))).toEqual([422, 'findings']);
    expect((await act(d, goneId, 'take', UNPUBLISHED)).json.state).toBe('vetting');
    // The barred one comes back by a reason, an approver and other keys.
    const again = await apply(d, barred, { jwks: { keys: [key.jwk] } });
    expect(code(await act(d, again.id, 'take', { ...AGAIN, readmit: 'sold' }, await d.tokenFor('operator')))).toEqual([403, 'permission_denied']);
    expect(code(await act(d, again.id, 'take', { ...AGAIN, readmit: 'sold' }))).toEqual([409, 'wrong_state']);
    await askJoin(d, 'PATCH', at(again.id), { jwks: { keys: [(await testKey()).jwk] } }, { token: again.token });
    const back = await act(d, again.id, 'take', { ...AGAIN, readmit: 'sold' });
    expect(back.json, back.text).toMatchObject({ state: 'vetting', readmission: true });
    expect((await d.admin('GET', `${MEMBERS}/${back.json.member}`)).json.predecessor).toMatch(/^bar_/);
    const refused = await act(d, heldId, 'refuse', { reason_code: 'identifier_in_use', reason: 'it is another’s', redress: 'board@anchor.example' });
    expect(refused.json.state).toBe('refused');
    expect((await d.admin('GET', `${MEMBERS}/${encodeURIComponent(held)}`)).json.state, 'whose it is keeps it').toBe('active');
  });

  it('of one identifier at once: both are on record, one is taken; refused or withdrawn it may come again, and an old token has no part in that', async () => {
    const d = await testDeployment();
    const link = await newLink(d, 3);
    const jwks = async () => ({ keys: [(await testKey()).jwk] });
    const both = await Promise.all([apply(d, RP, { jwks: await jwks() }, link), apply(d, RP, { jwks: await jwks() }, link)]);
    const taken = await Promise.all(both.map(({ id }) => act(d, id, 'take', UNPUBLISHED)));
    expect(taken.map(({ status }) => status).sort()).toEqual([200, 409]);
    const won = taken.findIndex(({ status }) => status === 200);
    const [winner, loser] = [both[won], both[1 - won]] as [(typeof both)[0], (typeof both)[0]];
    const body = { reason_code: 'not_verified', reason: 'nobody answers the telephone', redress: 'write to the board' };
    expect((await act(d, winner.id, 'refuse', body)).json).toMatchObject({ state: 'refused', waiting_on: null });
    expect((await d.admin('GET', `${MEMBERS}/${encodeURIComponent(RP)}`)).json.state).toBe('refused');
    const mine = (await askJoin(d, 'GET', at(winner.id), undefined, { token: winner.token })).json;
    expect(mine.refusal).toMatchObject({ reason_code: 'not_verified', reason: 'nobody answers the telephone', redress: 'write to the board' });
    // The other one may be taken then, under the same id.
    const second = await act(d, loser.id, 'take', AGAIN);
    expect(second.json, second.text).toMatchObject({ state: 'vetting', member: taken[won]?.json.member });
    for (const [verb, text] of [
      ['withdraw', {}],
      ['messages', { text: 'x' }],
      ['challenges', {}],
    ] as const)
      expect(code(await askJoin(d, 'POST', `${at(winner.id)}/${verb}`, text, { token: winner.token })), verb).toEqual([409, 'wrong_state']);
    expect((await d.admin('GET', `${MEMBERS}/${second.json.member}`)).json.state).toBe('vetting');
    // Withdrawn by whoever has applied, its member goes with it; nothing of it is changed or taken any more.
    expect((await askJoin(d, 'POST', `${at(loser.id)}/withdraw`, {}, { token: loser.token })).json.state).toBe('withdrawn');
    expect((await d.admin('GET', `${MEMBERS}/${second.json.member}`)).json.state).toBe('withdrawn');
    expect(code(await askJoin(d, 'PATCH', at(loser.id), { scopes: ['x'] }, { token: loser.token }))).toEqual([409, 'wrong_state']);
    for (const [verb, more] of [
      ['take', AGAIN],
      ['ask', { text: 'x' }],
      ['refuse', body],
    ] as const)
      expect(code(await act(d, loser.id, verb, more)), verb).toEqual([409, 'wrong_state']);
    // Enrolled by an operator, the member is none of the application's.
    await d.admin('POST', MEMBERS, { entity_id: RP, jwks: await jwks() });
    expect((await askJoin(d, 'POST', `${at(loser.id)}/withdraw`, {}, { token: loser.token })).json.state).toBe('withdrawn');
    expect((await d.admin('GET', `${MEMBERS}/${second.json.member}`)).json.state).toBe('vetting');
    // One that is changed while it is being taken is not taken as it was.
    const late = await apply(d, 'https://late.example', { jwks: await jwks() }, link);
    const explorer: typeof d.deployment.explorer = {
      ask: async (question, asked) => {
        await askJoin(d, 'PATCH', at(late.id), { scopes: ['admin'] }, { token: late.token });
        return d.deployment.explorer.ask(question, asked);
      },
    };
    await expect(takeApplication({ ...d.call, explorer }, 'main', late.id, UNPUBLISHED)).rejects.toThrow('changed it meanwhile');
    const events = (await d.admin('GET', `/authorities/main/events?subject=${loser.id}`)).json.items;
    expect(events.map((one: { type: string; actor: { kind: string; name: string } }) => `${one.type} ${one.actor.kind} ${one.actor.name}`)).toEqual([
      `application.submitted applicant ${RP}`,
      'application.taken api_key first owner',
      `application.withdrawn applicant ${RP}`,
    ]);
  });
});

describe('what a reviewer takes', () => {
  it('is clean, or each finding is waived by name: keys that the identifier does not publish, an organization that is here already', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await d.admin('POST', MEMBERS, { entity_id: 'https://bank.example', jwks: { keys: [(await testKey()).jwk] }, organization: 'Big Bank', activate: true });
    // Somebody with a link, under an identifier that is another one's: what that one publishes is in order.
    const thief = await testKey();
    const own = await apply(d, RP, { jwks: { keys: [thief.jwk] } });
    const report = (await askJoin(d, 'POST', `${at(own.id)}/preflight`, {}, { token: own.token })).json;
    expect([report.ok, report.findings.map((one: { code: string }) => one.code)]).toEqual([false, ['keys_differ']]);
    const refused = await act(d, own.id, 'take');
    expect([...code(refused), refused.json.findings.map((one: { code: string }) => one.code)]).toEqual([422, 'findings', ['keys_differ']]);
    expect(code(await act(d, own.id, 'take', { waive: ['fetch_failed'] })), 'another finding').toEqual([422, 'findings']);
    expect(code(await act(d, own.id, 'take', { waive: ['keys_difer'] })), 'a slip of the pen').toEqual([400, 'invalid_request']);
    expect(await d.rows('SELECT count(*) AS n FROM member')).toEqual([{ n: 1 }]);
    // Whoever waived has a part in the decision; the codes are what two persons are shown.
    const { operator } = await twoDecide(d, 2);
    const taken = await act(d, own.id, 'take', { waive: ['keys_differ'] }, operator.token);
    const waived = async (id: string) => (await d.rows(`SELECT waived, last_editor AS by FROM member WHERE id = '${id}'`))[0];
    expect(await waived(taken.json.member), taken.text).toEqual({ waived: '["keys_differ"]', by: operator.id });
    const named = await apply(d, 'https://branch.example', { organization: { legal_name: 'Big Bank' }, jwks: { keys: [(await testKey()).jwk] } });
    expect((await d.admin('GET', `${APPLICATIONS}/${named.id}`)).json.conflicts).toMatchObject([{ code: 'organization_known', severity: 'error' }]);
    expect(code(await act(d, named.id, 'take', UNPUBLISHED, operator.token)), 'whose accreditations would it have').toEqual([409, 'wrong_state']);
    const branch = await act(d, named.id, 'take', AGAIN, operator.token);
    expect(await waived(branch.json.member), branch.text).toEqual({ waived: '["fetch_failed","organization_known"]', by: operator.id });
  });

  it('of a body that is halted is refused under whatever name; its register goes to the organization; sent again it is one application', async () => {
    const d = await testDeployment();
    const link = await newLink(d, 3);
    const register = { registration_number: '556000-0001', jurisdiction: 'SE' };
    const body = (legal_name: string, more: object = register) => ({
      join_link: link.id,
      entity_id: RP,
      organization: { legal_name, ...more },
      jwks: { keys: [] as unknown[] },
    });
    const jwks = { keys: [(await testKey()).jwk] };
    const send = (key: string, sent: object) =>
      askJoin(d, 'POST', '/applications', { ...sent, jwks }, { token: link.secret, headers: { 'idempotency-key': key } });
    expect(code(await send('k'.repeat(42), body('Acme')))).toEqual([400, 'invalid_request']);
    expect(code(await send('k'.repeat(43), body('Acme', { registration_number: '1' })))).toEqual([400, 'invalid_request']);
    const both = await Promise.all([send('k'.repeat(43), body('Acme')), send('k'.repeat(43), body('Acme'))]);
    const later = await send('k'.repeat(43), body('Acme'));
    for (const one of both) expect([one.status, one.json.id, one.json.token]).toEqual([201, later.json.id, later.json.token]);
    expect((await send('l'.repeat(43), body('Acme'))).json.id).not.toBe(later.json.id);
    expect(code(await send('k'.repeat(43), { ...body('Acme'), entity_id: 'https://b.example' }))).toEqual([409, 'wrong_state']);
    expect(await d.rows('SELECT used FROM join_link'), 'as many as have applied').toEqual([{ used: 2 }]);
    expect((await act(d, later.json.id, 'take', UNPUBLISHED)).status).toBe(200);
    const { id } = (await d.admin('GET', '/authorities/main/organizations')).json.items[0];
    expect(await d.rows('SELECT registration_number AS n, jurisdiction AS j FROM organization')).toEqual([{ n: '556000-0001', j: 'SE' }]);
    expect((await d.admin('POST', `/authorities/main/organizations/${id}/halt`, { reason: 'fraud' })).status).toBe(200);
    const other = await apply(d, 'https://b.example', { organization: { legal_name: 'Acme Two', ...register }, jwks: { keys: [(await testKey()).jwk] } });
    expect((await d.admin('GET', `${APPLICATIONS}/${other.id}`)).json.conflicts.map((one: { code: string }) => one.code)).toContain('organization_halted');
    expect(code(await act(d, other.id, 'take', UNPUBLISHED))).toEqual([409, 'wrong_state']);
    expect(await d.rows('SELECT count(*) AS n FROM organization')).toEqual([{ n: 1 }]);
  });

  it('is what the applicant asked for last; once it is decided nobody waits; strangers write nothing into the chain that nobody erases', async () => {
    const d = await testDeployment();
    const link = await newLink(d);
    const own = await apply(d, RP, { jwks: { keys: [(await testKey()).jwk] }, scopes: ['admin'] }, link);
    const { member } = (await act(d, own.id, 'take', UNPUBLISHED)).json;
    await act(d, own.id, 'ask', { text: 'all of it?' });
    const words = Array.from({ length: 20 }, (_, n) => `https://x.example/${n}/ada-lovelace/${'ж'.repeat(1000)}`);
    await askJoin(d, 'PATCH', at(own.id), { scopes: ['read'], trust_mark_types: words, bundles: ['ada'], entity_types: ['ada'] }, { token: own.token });
    expect(code(await d.admin('POST', `${MEMBERS}/${member}/take`, {})), 'as it was before').toEqual([409, 'wrong_state']);
    const chain = await d.rows("SELECT detail FROM event WHERE type LIKE 'application%'");
    expect(JSON.stringify(chain)).not.toContain('ada');
    expect(Math.max(...chain.map(({ detail }) => String(detail).length))).toBeLessThan(400);
    await askJoin(d, 'PATCH', at(own.id), { bundles: [], entity_types: [] }, { token: own.token });
    expect((await act(d, own.id, 'take', UNPUBLISHED)).json.state).toBe('vetting');
    for (const verb of ['approve', 'activate']) expect((await d.admin('POST', `${MEMBERS}/${member}/${verb}`, {})).status, verb).toBe(200);
    expect((await d.admin('GET', `${MEMBERS}/${member}/entitlements`)).json.entitlements.map((one: { value: string }) => one.value)).toEqual(['read']);
    expect((await d.admin('GET', `${APPLICATIONS}/${own.id}`)).json).toMatchObject({ state: 'active', waiting_on: null });
    expect((await d.admin('GET', `${APPLICATIONS}?waiting_on=reviewer`)).json.items).toEqual([]);
    expect((await askJoin(d, 'GET', at(own.id), undefined, own)).json).toMatchObject({ state: 'active', waiting_on: null });
  });
});

describe('strangers', () => {
  it('come in as often as a link says, of twenty at once and in two processes too; one that has ended lets nobody in', async () => {
    const d = await testDeployment();
    const link = await newLink(d, 3);
    const other = d.restarted();
    const hand = (n: number) =>
      askJoin(
        d,
        'POST',
        '/applications',
        { join_link: link.id, entity_id: `https://rp${n}.example`, organization: { legal_name: 'X' } },
        { token: link.secret, ...(n % 2 && { deployment: other }) },
      );
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => hand(n)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(3).fill(201), ...Array(17).fill(410)]);
    expect((await d.admin('GET', '/authorities/main/join-links')).json.items[0]).toMatchObject({ used: 3, uses: 3, state: 'used_up' });
    expect(await d.rows('SELECT count(*) AS n FROM application')).toEqual([{ n: 3 }]);
    const ended = await newLink(d, 5);
    expect((await d.admin('POST', `/authorities/main/join-links/${ended.id}/end?dry_run=true`, {})).json.dry_run).toBe(true);
    expect((await askJoin(d, 'GET', `/${ended.id}`)).status).toBe(200);
    expect((await d.admin('POST', `/authorities/main/join-links/${ended.id}/end`, { reason: 'leaked' })).json.state).toBe('ended');
    const late = await newLink(d, 5);
    d.clock += 15 * 86_400;
    for (const { id, secret } of [link, ended, late]) {
      const body = { join_link: id, entity_id: RP, organization: { legal_name: 'X' } };
      expect(code(await askJoin(d, 'GET', `/${id}`))).toEqual([410, 'join_link_ended']);
      expect(code(await askJoin(d, 'POST', '/applications', body, { token: secret }))).toEqual([410, 'join_link_ended']);
      // Who has not the secret is not told that either.
      expect(code(await askJoin(d, 'POST', '/applications', body, { token: `${secret.slice(0, -1)}x` }))).toEqual([404, 'not_found']);
    }
    expect(await d.rows("SELECT count(*) AS n FROM join_link WHERE secret_sha256 LIKE 'hfj%'"), 'only digests are kept').toEqual([{ n: 0 }]);
  });

  it('see nothing but their own, send nothing that is too large, too deep or unreadable, and change nothing by looking', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
    const link = await newLink(d, 9);
    const mine = await apply(d, RP, {}, link);
    const theirs = await apply(d, 'https://theirs.example', {}, await newLink(d, 1, 'other'));
    const counted = () =>
      d.rows(
        'SELECT (SELECT count(*) FROM event) AS e, (SELECT sum(v) FROM application) AS a, (SELECT sum(used) FROM join_link) AS u, (SELECT sum(tat) FROM rate_limit) AS r',
      );
    const before = await counted();
    const nobody = { ...mine, id: `apl_${'0'.repeat(26)}` };
    const foreign = [
      await askJoin(d, 'GET', at(theirs.id), undefined, { token: mine.token }),
      await askJoin(d, 'GET', at(nobody.id), undefined, { token: mine.token }),
      await askJoin(d, 'GET', at(mine.id), undefined, { token: link.secret }),
      await askJoin(d, 'GET', at('x'), undefined, { token: mine.token }),
      await askJoin(d, 'GET', at(mine.id), undefined, { token: d.token }),
    ];
    for (const one of foreign) expect([one.status, one.text]).toEqual([404, foreign[0]?.text]);
    expect(code(await askJoin(d, 'GET', at(mine.id)))).toEqual([401, 'unauthenticated']);
    for (const path of ['/withdraw', '/messages', '/preflight', '/challenges', '/proofs', ''])
      expect((await askJoin(d, 'GET', `${at(mine.id)}${path}`, undefined, mine)).status, path).toBe(path ? 404 : 200);
    expect((await askJoin(d, 'GET', `/${link.id}`)).status).toBe(200);
    expect((await askJoin(d, 'GET', `/${link.id}?secret=x`)).status).toBe(400);
    // An operator of one authority has nothing to do with applications at another.
    expect((await d.admin('GET', `${APPLICATIONS}/${theirs.id}`)).status).toBe(404);
    for (const verb of ['take', 'refuse', 'ask', 'erase']) expect((await act(d, theirs.id, verb, BODIES[verb])).status, verb).toBe(404);
    expect(await counted()).toEqual(before);
    const good = { join_link: link.id, entity_id: 'https://x.example', organization: { legal_name: 'X' } };
    const bad: readonly (readonly [what: unknown, status: number, headers?: Record<string, string>])[] = [
      [{ ...good, message: 'x'.repeat(200_000) }, 413],
      [{ ...good, message: 'x'.repeat(5000) }, 400],
      [`{"jwks":${'['.repeat(5000)}${']'.repeat(5000)}}`, 400],
      [{ ...good, organization: { legal_name: 'X\u0007' } }, 400],
      [{ ...good, organization: { legal_name: 'X\nY' } }, 400],
      [{ ...good, message: 'a\u001b[2J' }, 400],
      [{ ...good, message: 'a\u0000b' }, 400],
      [{ ...good, state: 'active' }, 400],
      [{ ...good, entity_id: undefined }, 400],
      [{ ...good, entity_id: 'http://x.example' }, 422],
      [{ ...good, entity_id: 'https://x.example?q' }, 422],
      [{ ...good, jwks: { keys: [{ kty: 'oct', k: 'AAAA', kid: 'x' }] } }, 422],
      [{ ...good, jwks: { keys: [{ ...(await testKey()).jwk, d: 'AAAA' }] } }, 422],
      [{ ...good, contacts: Array(11).fill({ email: 'x' }) }, 400],
      [`{"join_link":"a","join_link":"b"}`, 400],
      [good, 415, { 'content-type': 'text/plain' }],
    ];
    for (const [body, status, headers] of bad) {
      const answer = await askJoin(d, 'POST', '/applications', body, { token: link.secret, ...(headers && { headers }) });
      expect([answer.status, answer.headers.get('content-type')], JSON.stringify(body).slice(0, 120)).toEqual([status, 'application/problem+json']);
    }
    expect((await d.rows('SELECT count(*) AS n FROM application'))[0]).toEqual({ n: 2 });
  });

  it('ask as often as is good, whichever process they ask; who asks is not kept in clear', async () => {
    const d = await testDeployment();
    const [here, there] = [d.deployment, d.restarted()];
    const ask = (from: string, deployment = here) => askJoin(d, 'POST', '/applications', {}, { from, deployment });
    const answers = await Promise.all(Array.from({ length: 70 }, (_, n) => ask('203.0.113.7', n % 2 ? here : there)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBe(10);
    expect(refused[0]?.json.code).toBe('rate_limited');
    expect(refused[0]?.headers.get('retry-after')).toBe('2');
    expect((await ask('203.0.113.8')).status, 'somebody else').toBe(400);
    const guess = (from: string) => askJoin(d, 'GET', '/applications/apl_00000000000000000000000000', undefined, { from, token: 'x' });
    const reads = platform === 'workers' ? [] : await Promise.all(Array.from({ length: 301 }, () => guess('203.0.113.6')));
    if (reads.length) expect([new Set(reads.map(({ status }) => status)), (await guess('203.0.113.5')).status]).toEqual([new Set([404, 429]), 404]);
    d.clock += 2;
    expect([(await ask('203.0.113.7')).status, (await ask('203.0.113.7', there)).status]).toEqual([400, 429]);
    const kept = await d.rows('SELECT bucket FROM rate_limit');
    expect(JSON.stringify(kept)).not.toContain('203.0.113');
    d.clock += 1000;
    await ask('203.0.113.9');
    expect(await d.rows('SELECT bucket FROM rate_limit'), 'what has passed goes').toHaveLength(1);
  });
});

const BODIES: Readonly<Record<string, object>> = {
  take: {},
  ask: { text: 'x' },
  refuse: { reason_code: 'unspecified', reason: 'x', redress: 'x' },
  erase: { reason: 'x' },
};

it('what people wrote in an application is erased whole, and the chain verifies', async () => {
  const d = await testDeployment();
  const words = ['Zanzibar Trading', 'ada@zanzibar.example', 'my telephone is 555', 'and your passport?', 'you are too young', 'the queen', 'given to Ada'];
  const { json: link } = await d.admin('POST', '/authorities/main/join-links', { note: words[6] });
  const body = { organization: { legal_name: words[0] }, contacts: [{ email: words[1] }], message: words[2], jwks: { keys: [(await testKey()).jwk] } };
  const { id, token } = await apply(d, RP, body, link);
  await act(d, id, 'ask', { text: words[3] });
  await act(d, id, 'refuse', { reason_code: 'not_eligible', reason: words[4], redress: words[5] });
  const everywhere = async () => {
    const tables = ['event', 'event_private', 'application', 'join_link', 'member', 'organization', 'idempotency'];
    return JSON.stringify(await Promise.all(tables.map((table) => d.rows(`SELECT * FROM ${table}`))));
  };
  for (const one of words) expect(await everywhere()).toContain(one);
  const chain = JSON.stringify(await d.rows('SELECT * FROM event'));
  for (const one of words) expect(chain, 'none of it is in the chain').not.toContain(one);
  expect(code(await act(d, id, 'erase', { reason: 'asked for' }, await d.tokenFor('operator')))).toEqual([403, 'permission_denied']);
  expect((await act(d, id, 'erase', { reason: 'asked for' })).json.events).toHaveLength(3);
  expect((await act(d, id, 'erase', { reason: 'asked for' })).json.already).toBe(true);
  const created = (await d.admin('GET', `/authorities/main/events?subject=${link.id}`)).json.items[0].seq;
  expect((await d.admin('POST', `/authorities/main/events/${created}/erase`, { reason: 'asked for' })).status).toBe(200);
  for (const one of words) expect(await everywhere()).not.toContain(one);
  expect((await askJoin(d, 'GET', at(id), undefined, { token })).json).toMatchObject({
    state: 'refused',
    organization: null,
    contacts: [],
    messages: [{ text: null }, { text: null }],
    refusal: { reason_code: 'not_eligible', reason: null, redress: null },
  });
  expect((await fsck(d.deployment)).map((found) => found.code)).toEqual([]);
});
