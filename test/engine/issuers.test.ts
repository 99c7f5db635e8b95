import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { maySpeakFor, VOUCHED_ISSUERS } from '../../src/federation/entry.js';
import { fsck } from '../../src/operations/fsck.js';
import { type Answer, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const ISSUERS = `${A}/issuers`;
const [IDP, OTHER] = ['https://idp.example.com', 'https://other.example.com'];
const email = (value: string, subdomains?: true) => ({ type: 'email_domain', value, ...(subdomains && { subdomains }) });
const ada = { type: 'email_domain', value: 'ada@corp.example' } as const;
const at = (id: string, verb = '') => `${A}/members/${encodeURIComponent(id)}${verb}`;
const ok = async (asked: Promise<Answer>, status = 200) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
const codes = ({ status, json }: Answer) => [status, ...(json.findings ?? []).map(({ code }: { code: string }) => code), ...(json.findings ? [] : [json.code])];

async function member(d: TestDeployment, id: string, more: object = {}) {
  const { jwks } = await testMember(id);
  await ok(
    d.admin('POST', `${A}/members`, { entity_id: id, jwks, entity_types: ['openid_provider'], organization: `Org of ${id}`, activate: true, ...more }),
    201,
  );
}
/** Who may speak for a name, by the statement that is served; its status where none is. */
async function speakers(d: TestDeployment, id = IDP, name: { type: 'email_domain'; value: string } = ada, kind = 'id_jag') {
  const { status, text } = await d.public(`/fetch?sub=${encodeURIComponent(id)}`);
  return status === 200 ? maySpeakFor(decodeJwt(text), kind, name).map(({ issuer }) => issuer) : status;
}
const vouch = (d: TestDeployment, more: object = {}) => d.admin('POST', ISSUERS, { member: IDP, kind: 'id_jag', namespaces: [email('corp.example')], ...more });
const events = async (d: TestDeployment) =>
  (await d.rows("SELECT type, reason_code, detail FROM event WHERE type LIKE 'member.issuer%' ORDER BY seq")).map(({ type, reason_code: why, detail }) => [
    String(type).slice(14),
    why,
    JSON.parse(String(detail)).namespaces,
  ]);

/** A cell that cannot be read keeps nobody from being cut, nor the others from being listed; the table beside it is held against it. */
async function damaged(d: TestDeployment) {
  const found = async () => (await fsck(d.deployment)).map(({ code, where }) => `${code} ${where}`.replace(/mem_\w+/, 'mem_'));
  await member(d, OTHER);
  const named = { member: OTHER, namespaces: [email('b.example')] };
  await ok(vouch(d, named), 201);
  await d.execute(
    "INSERT INTO vouched_issuer SELECT 'vis_0', n, authority_id, 'mem_0', kind, 'https://o.example', type, 'x.', deep FROM vouched_issuer WHERE place = 'example.b.'",
  );
  await d.execute("UPDATE vouched_issuer SET place = 'example.c.' WHERE place = 'example.b.'");
  expect(await found()).toEqual(['row_of_nobody vouched_issuer mem_', `issuer_index member ${OTHER}`]);
  await d.execute("DELETE FROM vouched_issuer WHERE member_id = 'mem_0'");
  const mend = await ok(vouch(d, { member: OTHER, kind: 'attester' }), 201);
  await ok(d.admin('POST', `${ISSUERS}/${mend.id}/end`, { reason: 'x' }));
  expect(await found(), 'the remedy').toEqual([]);
  await d.execute(`UPDATE member SET vouched_issuers = '[broken' WHERE entity_id = '${IDP}'`);
  expect((await ok(d.admin('GET', ISSUERS))).items).toMatchObject([{ entity_id: OTHER }]);
  expect((await d.public('/collection')).json.entities.map((one: object) => VOUCHED_ISSUERS in one)).toEqual([false, true]);
  const theirs = {
    ...named,
    kind: 'workload_grant',
    issuer: 'https://o2.example',
    jwks_uri: 'https://o2.example/k',
    namespaces: [{ type: 'tenant', value: 'T1' }],
  };
  expect(codes(await vouch(d, theirs))).toContain('namespace_taken');
  await ok(d.admin('POST', at(IDP, '/suspend'), { reason: 'x' }));
  await ok(d.admin('POST', at(IDP, '/revoke'), { reason: 'x' }));
  await ok(vouch(d, theirs), 201);
}

describe('issuers that a member stands for', () => {
  it('are said in its statement and in the collection, changed and ended at once, and told in the chain', async () => {
    const d = await testDeployment({ entityCollection: true });
    await member(d, IDP);
    const one = await ok(vouch(d), 201);
    expect(one).toMatchObject({
      state: 'vouched',
      entity_id: IDP,
      member_state: 'active',
      kind: 'id_jag',
      issuer: IDP,
      jwks_uri: null,
      namespaces: [email('corp.example')],
    });
    const platform = {
      kind: 'workload_grant',
      issuer: 'https://agents.example.com/t',
      jwks_uri: 'https://agents.example.com/keys',
      namespaces: [{ type: 'tenant', value: 'T1' }],
    };
    const two = await ok(vouch(d, platform), 201);
    expect([await speakers(d), await speakers(d, IDP, { ...ada, value: 'ada@sub.corp.example' }), await speakers(d, IDP, ada, 'attester')]).toEqual([
      [IDP],
      [],
      [],
    ]);
    const said = [{ kind: 'id_jag', issuer: IDP, namespaces: [email('corp.example')] }, platform];
    const claims = decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(IDP)}`)).text);
    expect([claims[VOUCHED_ISSUERS], claims['crit']]).toEqual([said, undefined]);
    expect((await d.public('/collection')).json.entities).toEqual([{ entity_id: IDP, entity_types: ['openid_provider'], [VOUCHED_ISSUERS]: said }]);
    expect((await d.public('/collection?entity_claims=entity_types')).json.entities).toEqual([{ entity_id: IDP, entity_types: ['openid_provider'] }]);
    await ok(d.admin('PATCH', `${ISSUERS}/${one.id}`, { namespaces: [email('corp.example', true)] }));
    expect(await speakers(d, IDP, { ...ada, value: 'ada@sub.corp.example' })).toEqual([IDP]);
    expect((await ok(d.admin('GET', ISSUERS))).items.map(({ id }: { id: string }) => id).sort()).toEqual([one.id, two.id].sort());
    const first = await ok(d.admin('GET', `${ISSUERS}?limit=1`));
    expect((await ok(d.admin('GET', `${ISSUERS}?limit=1&cursor=${first.next_cursor}`))).items).toHaveLength(1);
    expect((await ok(d.admin('GET', `${ISSUERS}?kind=workload_grant`))).items).toMatchObject([{ id: two.id }]);
    expect(await ok(d.admin('POST', `${ISSUERS}/${one.id}/end`, { reason: 'contract over', reason_code: 'cessation' }))).toMatchObject({
      id: one.id,
      state: 'ended',
    });
    expect([
      await speakers(d),
      (await d.admin('GET', `${ISSUERS}/${one.id}`)).status,
      (await d.admin('POST', `${ISSUERS}/${one.id}/end`, { reason: 'x' })).status,
    ]).toEqual([[], 404, 404]);
    expect(await events(d)).toEqual([
      ['vouched', null, ['email_domain corp.example']],
      ['vouched', null, ['tenant T1']],
      ['changed', null, ['email_domain corp.example and below']],
      ['ended', 'cessation', ['email_domain corp.example and below']],
    ]);
    // Whatever takes the statement away takes the vouching with it.
    await ok(d.admin('POST', at(IDP, '/suspend'), { reason: 'x' }));
    expect([await speakers(d), (await d.public('/collection')).json.entities]).toEqual([404, []]);
    await ok(d.admin('POST', at(IDP, '/resume'), {}));
    expect(await speakers(d, IDP, { type: 'tenant', value: 'T1' } as never, 'workload_grant')).toEqual(['https://agents.example.com/t']);
    // An export is an import.
    const [line] = (await d.admin('GET', `${A}/export`)).text.trim().split('\n');
    const [exported] = line?.startsWith('{"items"') ? JSON.parse(line).items : [JSON.parse(line ?? '{}')];
    expect(exported.vouched_issuers).toEqual([platform]);
    expect(await fsck(d.deployment)).toEqual([]);
    await damaged(d);
  });

  it('of a name one member speaks: refused by name, held while it is suspended, free when it has ended; two at once get one', async () => {
    const d = await testDeployment();
    await member(d, IDP);
    await member(d, OTHER);
    await ok(vouch(d, { namespaces: [email('corp.example', true)] }), 201);
    const other = (...namespaces: object[]) => vouch(d, { member: OTHER, namespaces });
    for (const [name, taken] of [
      [email('corp.example'), true],
      [email('a.corp.example'), true],
      [email('example', true), undefined],
      [email('badcorp.example'), false],
      [{ type: 'dns_domain', value: 'corp.example' }, false],
    ] as const) {
      const answer = await other(name);
      if (taken === undefined) expect(codes(answer), 'one label').toEqual([422, 'vouching_invalid']);
      else if (taken) expect([...codes(answer), answer.text.includes(IDP)], JSON.stringify(name)).toEqual([422, 'namespace_taken', true]);
      else await ok(d.admin('POST', `${ISSUERS}/${(await ok(Promise.resolve(answer), 201)).id}/end`, { reason: 'x' }));
    }
    await ok(vouch(d, { member: OTHER, kind: 'attester' }), 201);
    expect(
      codes(await vouch(d, { member: OTHER, namespaces: [{ type: 'entity_id_prefix', value: 'https://a.example/t' }, email('x.corp.example')] })),
    ).toContain('namespace_taken');
    // An issuer that is a member itself, or one of somebody else's with a slash more, is theirs.
    const keys = 'https://evil.example/jwks';
    const as = (issuer: string, who = OTHER) => vouch(d, { member: who, issuer, jwks_uri: keys, namespaces: [email(`${who.slice(8, 11)}.example`)] });
    const impostor = await as(`${IDP}/`);
    expect([impostor.status, impostor.text.includes('a member itself')]).toEqual([422, true]);
    await ok(as('https://shared.example', IDP), 201);
    expect(codes(await as('https://shared.example/'))).toEqual([422, 'namespace_taken']);
    await ok(d.admin('POST', at(IDP, '/suspend'), { reason: 'x' }));
    expect(codes(await other(email('corp.example')))).toContain('namespace_taken');
    await ok(d.admin('POST', at(IDP, '/revoke'), { reason: 'x' }));
    expect([(await d.admin('GET', ISSUERS)).json.items.length, await d.rows(`SELECT count(*) AS n FROM vouched_issuer`)]).toEqual([1, [{ n: 1 }]]);
    await ok(other(email('corp.example')), 201);
    // Two decide at the same time, each having seen that the name is free.
    const THIRD = 'https://third.example.com';
    await member(d, THIRD);
    const both = await Promise.all([OTHER, THIRD].map((who) => vouch(d, { member: who, kind: 'https://k.example/x', namespaces: [email('race.example')] })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 422]);
    // An enrolment brings its issuers along, under the same rules.
    const enrol = (id: string, value: string) =>
      testMember(id).then(({ jwks }) =>
        d.admin('POST', `${A}/members`, { entity_id: id, jwks, activate: true, vouched_issuers: [{ kind: 'id_jag', namespaces: [email(value)] }] }),
      );
    expect(codes(await enrol('https://fourth.example.com', 'corp.example'))).toEqual([422, 'namespace_taken']);
    await ok(enrol('https://fourth.example.com', 'fourth.example'), 201);
    expect(await speakers(d, 'https://fourth.example.com', { ...ada, value: 'a@fourth.example' })).toEqual(['https://fourth.example.com']);
    expect(codes(await vouch(d, { member: OTHER, namespaces: [{ type: 'regex', value: '.*' }] }))).toEqual([422, 'vouching_invalid']);
    expect((await d.admin('PATCH', at(OTHER), { claims: { [VOUCHED_ISSUERS]: [] } })).status, 'nobody writes the claim beside it').toBe(422);
  });

  it('it is content: an edit sends an application back, widening takes two persons, narrowing and ending one', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(OTHER);
    await member(d, IDP);
    const one = await ok(vouch(d, { namespaces: [email('corp.example'), email('b.example')] }), 201);
    await ok(d.admin('POST', `${A}/members`, { entity_id: OTHER, jwks }), 201);
    await ok(d.admin('POST', at(OTHER, '/approve'), {}));
    await ok(vouch(d, { member: OTHER, namespaces: [email('c.example')] }), 201);
    expect((await ok(d.admin('GET', at(OTHER)))).state, 'it was approved without it').toBe('vetting');
    const { approvers } = await twoDecide(d);
    const [ann, bob] = approvers;
    if (!ann || !bob) throw new Error('two');
    const wide = { member: IDP, kind: 'attester', namespaces: [email('d.example')] };
    const waiting = await ok(ann.as('POST', ISSUERS, wide), 202);
    expect([await speakers(d, IDP, { ...ada, value: 'a@d.example' }, 'attester'), (await ann.as('POST', ISSUERS, wide)).status]).toEqual([[], 202]);
    // Narrowing waits for nobody, and what was proposed is about something else then.
    const responder = await d.tokenFor('responder');
    await ok(d.admin('PATCH', `${ISSUERS}/${one.id}`, { namespaces: [email('corp.example')] }, { token: responder }));
    expect((await bob.as('POST', `/approvals/${waiting.approval.id}`, { verdict: 'approve', digest: waiting.approval.digest })).json.code).toBe(
      'decision_changed',
    );
    expect((await d.admin('PATCH', `${ISSUERS}/${one.id}`, { namespaces: [email('corp.example', true)] }, { token: responder })).status).toBe(403);
    const again = await ok(ann.as('POST', ISSUERS, wide), 202);
    await ok(bob.as('POST', `/approvals/${again.approval.id}`, { verdict: 'approve', digest: again.approval.digest }));
    expect(await speakers(d, IDP, { ...ada, value: 'a@d.example' }, 'attester')).toEqual([IDP]);
    await ok(d.admin('POST', `${ISSUERS}/${one.id}/end`, { reason: 'x' }, { token: responder }));
    expect(await speakers(d)).toEqual([]);
  });
});
