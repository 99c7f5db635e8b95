import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { ENTITLEMENT_VERSION, parseJws, POLICY_VERSION, STATUS_SEQ } from '../../src/federation/entry.js';
import { createAdminApp } from '../../src/admin/app.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { restateEntitled } from '../../src/operations/entitlements/restate.js';
import { fsck } from '../../src/operations/fsck.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const MEMBERS = `${A}/members`;
const scope = (value: string) => ({ kind: 'scope', value });
const code = ({ status, json }: { status: number; json: { code?: string } }) => [status, json.code];
const places = ({ json }: { json: { findings?: { where: string }[] } }) => json.findings?.map(({ where }) => where);

async function client(d: TestDeployment, id: string, more: object = {}): Promise<string> {
  const { jwks } = await testMember(id);
  const made = await d.admin('POST', MEMBERS, { entity_id: id, jwks, entity_types: ['oauth_client'], activate: true, ...more });
  expect(made.status, made.text).toBe(201);
  return made.json.id;
}
/** What is served about a member: the policy for its type, or the status. */
async function served(d: TestDeployment, id: string, type = 'oauth_client') {
  const { status, text } = await d.public(`/fetch?sub=${encodeURIComponent(id)}`);
  if (status !== 200) return status;
  const jws = parseJws(text, 'entity-statement+jwt');
  return jws.ok ? ((jws.value.claims['metadata_policy'] as Record<string, Record<string, unknown>> | undefined)?.[type] ?? null) : jws.findings;
}
const background = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });

it('§12 the statement says by which version of the record and of the policy, and the list up to which event; nobody sets that', async () => {
  const d = await testDeployment();
  const C = 'https://client.example';
  const id = await client(d, C, { entitlements: [scope('read')] });
  const said = async (path = `/fetch?sub=${C}`) => {
    const claims = decodeJwt((await d.public(path)).text);
    return [ENTITLEMENT_VERSION, POLICY_VERSION, STATUS_SEQ].map((name) => claims[name]);
  };
  expect(await said()).toEqual([1, undefined, undefined]);
  await d.admin('POST', `${A}/policies`, { metadata_policy: { oauth_client: { scope: { subset_of: ['read', 'list'] } } } });
  await d.admin('POST', `${A}/policies/1/publish`, {});
  await background(d);
  expect(await said()).toEqual([1, 1, undefined]);
  expect((await d.admin('PUT', `${MEMBERS}/${id}/entitlements`, { entitlements: [scope('list')] })).status).toBe(200);
  expect(await said()).toEqual([2, 1, undefined]);
  await d.admin('POST', `${MEMBERS}/${id}/suspend`, { reason: 'x' });
  const [{ seq } = {}] = await d.rows("SELECT max(seq) AS seq FROM event WHERE type = 'member.suspended'");
  expect(await said('/status-lists/0')).toEqual([undefined, undefined, Number(seq)]);
  const { json } = await d.admin('PATCH', `${MEMBERS}/${id}`, { claims: { [ENTITLEMENT_VERSION]: 9 } });
  expect(json.findings?.[0]?.code).toBe('claim_invalid');
});

it('what a member may ask for stands in its own statement, merged with the policy; a contradiction is refused when it is set', async () => {
  const d = await testDeployment();
  const C = 'https://client.example';
  const id = await client(d, C);
  const at = `${MEMBERS}/${id}/entitlements`;
  expect([await served(d, C), (await d.admin('GET', at)).json.effective]).toEqual([null, null]);
  const policy = { oauth_client: { scope: { subset_of: ['read', 'list'] }, contacts: { essential: true } } };
  await d.admin('POST', `${A}/policies`, { metadata_policy: policy });
  expect((await d.admin('POST', `${A}/policies/1/publish`, {})).status).toBe(200);
  const put = (entitlements: unknown, more: object = {}, query = '') => d.admin('PUT', `${at}${query}`, { entitlements, ...more });
  // Nothing is changed by a dry run, which shows the client before and after.
  const unseen = await put([scope('read'), scope('write')], {}, '?dry_run=true');
  expect([unseen.json.preview, places(unseen)?.[0]], 'nobody has looked at it yet').toEqual([{ before: null, after: null, widens: false }, 'metadata']);
  await d.execute(`INSERT INTO member_watch (member_id, authority_id, entity_id, checked_at, failures, metadata, raised, counting)
    SELECT id, authority_id, entity_id, 0, 0, '{"oauth_client":{"contacts":["a@client.example"],"scope":"list admin"}}', '[]', '{}' FROM member`);
  const dry = await put([scope('read'), scope('write')], {}, '?dry_run=true');
  const own = { contacts: ['a@client.example'] };
  expect([dry.status, dry.json.dry_run, dry.json.preview.widens, dry.json.preview.before, dry.json.preview.after]).toEqual([
    200,
    true,
    false,
    { oauth_client: { ...own, scope: 'list' } },
    {
      oauth_client: {
        ...own,
        scope: '',
        allowed_resources: [],
        authorization_details_types: [],
        authorization_details_templates: [],
        token_endpoint_auth_method: 'private_key_jwt',
      },
    },
  ]);
  const done = await put([scope('read'), scope('write')]);
  expect([done.status, done.json.entitlement_version, done.json.effective], done.text).toEqual([200, 1, [scope('read'), scope('write')]]);
  expect(await served(d, C)).toMatchObject({
    scope: { default: 'read write', subset_of: ['read'], essential: true },
    contacts: { essential: true },
    token_endpoint_auth_method: { value: 'private_key_jwt' },
  });
  expect(await served(d, C, 'openid_relying_party'), 'it declares its types itself: under the other one it is bounded too').toMatchObject({
    scope: { subset_of: ['read', 'write'] },
  });
  const { v } = done.json;
  expect(code(await put([], { v: v - 1 }))).toEqual([412, 'version_conflict']);
  // Hostile lists, each with its place.
  for (const [entitlements, place] of [
    [Array.from({ length: 10_000 }, (_, n) => scope(`${n}`)), 'entitlements'],
    [[scope('a b')], 'entitlements/0/value'],
    [[scope('a\nb')], 'entitlements/0/value'],
    [[scope('a'), scope('a')], 'entitlements/1'],
    [[{ kind: 'role', value: 'a' }], 'entitlements/0/kind'],
  ] as const)
    expect([place, ...code(await put(entitlements)), places(await put(entitlements))]).toEqual([place, 422, 'findings', [place]]);
  expect(places(await put([], { bundles: ['nobody'] }))).toEqual(['bundles/0']);
  expect((await d.admin('GET', at)).json.v, 'nothing was written').toBe(v);
  // One that comes and one that goes; what is not there cannot be taken away.
  const patch = (body: object) => d.admin('PATCH', at, body);
  expect(
    (await patch({ add: { entitlements: [{ kind: 'resource', value: 'https://tools.example' }] }, remove: { entitlements: [scope('write')] } })).json,
  ).toMatchObject({
    effective: [{ kind: 'resource', value: 'https://tools.example' }, scope('read')],
    entitlement_version: 2,
  });
  expect(places(await patch({ remove: { entitlements: [scope('wirte')] } }))).toEqual(['remove/entitlements/0']);
  expect((await patch({ add: { entitlements: [scope('read')] } })).json.entitlement_version, 'it has it already').toBe(2);
  // Who loses the last of it gets nothing, and is not without limit.
  await patch({ remove: { entitlements: [scope('read'), { kind: 'resource', value: 'https://tools.example' }] } });
  expect(await served(d, C)).toMatchObject({ scope: { default: '', subset_of: [], essential: true }, allowed_resources: { default: [], subset_of: [] } });
  await put([scope('read')]);
  // A policy that contradicts it is refused, in a draft already, and so is one that came in between.
  const against = await d.admin('POST', `${A}/policies`, { metadata_policy: { oauth_client: { scope: { superset_of: ['openid'] } } } });
  expect([...code(against), places(against)?.[0]]).toEqual([422, 'findings', `${C} entitlements oauth_client/scope`]);
  await d.execute(`UPDATE metadata_policy SET metadata_policy = '{"oauth_client":{"scope":{"default":"list"}}}'`);
  const refused = await put([scope('list'), scope('read')]);
  expect([...code(refused), places(refused)]).toEqual([422, 'findings', ['entitlements oauth_client/scope']]);
  // What is no client gets nothing from it.
  const op = await client(d, 'https://op.example', { entity_types: ['openid_provider'] });
  expect(places(await d.admin('PUT', `${MEMBERS}/${op}/entitlements`, { entitlements: [scope('read')] }))).toEqual(['entity_types']);
  const told = (await d.admin('GET', `${MEMBERS}/${id}/history`)).json.items.filter(({ type }: { type: string }) => type === 'member.entitlements_changed');
  expect(told.map(({ detail }: { detail: { added: string[]; removed: string[] } }) => [detail.added, detail.removed])).toEqual([
    [['scope read', 'scope write'], []],
    [['resource https://tools.example'], ['scope write']],
    [[], ['resource https://tools.example', 'scope read']],
    [['scope read'], []],
  ]);
});

it('a bundle reaches all that have it: what says too much is not served from the commit on; an ended one gives nothing', async () => {
  const d = await testDeployment();
  const ids = ['https://one.example', 'https://two.example', 'https://three.example'];
  const make = (name: string, entitlements: unknown, slug = 'main') => d.admin('POST', `/authorities/${slug}/bundles`, { name, entitlements });
  expect((await make('base', [scope('read'), scope('write')])).status).toBe(201);
  expect(code(await make('base', []))).toEqual([409, 'already_exists']);
  expect(code(await make('No Name', []))).toEqual([400, 'invalid_request']);
  await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
  await make('theirs', [scope('admin')], 'other');
  expect((await d.admin('GET', `${A}/bundles/theirs`)).status, 'of another authority').toBe(404);
  expect((await d.admin('PATCH', `${A}/bundles/theirs`, { entitlements: [] })).status).toBe(404);
  const [one, two, three] = await Promise.all(ids.map((id, n) => client(d, id, n < 2 ? { bundles: ['base'] } : { scopes: ['read'] })));
  expect(places(await d.admin('PATCH', `${MEMBERS}/${three}/entitlements`, { add: { bundles: ['theirs'] } }))).toEqual(['bundles/0']);
  expect((await d.admin('GET', `${MEMBERS}?bundle=base`)).json.items.map((row: { id: string }) => row.id).sort()).toEqual([one, two].sort());
  const scopes = async () =>
    Promise.all(ids.map(async (id) => ((await served(d, id)) as { scope?: { subset_of: string[] } }).scope?.subset_of ?? (await served(d, id))));
  const all = [['read', 'write'], ['read', 'write'], ['read']];
  expect(await scopes()).toEqual(all);
  // What it would do, and then what it does.
  const change = (entitlements: unknown, query = '', more: object = {}) => d.admin('PATCH', `${A}/bundles/base${query}`, { entitlements, ...more });
  expect((await change([scope('read')], '?dry_run=true')).json).toMatchObject({ dry_run: true, members: 2, active: 2, widens: false, v: 2 });
  expect((await d.admin('GET', `${A}/bundles/base`)).json).toMatchObject({ members: 2, active: 2, v: 1 });
  expect((await d.admin('POST', `${A}/bundles/base/impact`, { entitlements: [scope('read')] })).json.total).toBe(2);
  await background(d);
  expect((await d.admin('GET', `${A}/bundles/base/impact`)).json).toMatchObject({ job: { state: 'done' }, counts: { unknown: 2 } });
  const wider = await change([scope('read'), scope('write'), scope('more')]);
  expect([wider.status, wider.json.widens]).toEqual([200, true]);
  expect(await scopes(), 'what says too little is served until it is signed anew').toEqual(all);
  await background(d);
  expect((await d.admin('GET', `${A}/jobs/${wider.json.job}`)).json).toMatchObject({ state: 'done', total: 2, done: 2 });
  expect(await scopes()).toEqual([['more', 'read', 'write'], ['more', 'read', 'write'], ['read']]);
  const before = (await d.admin('GET', `${MEMBERS}/${one}`)).json;
  expect(code(await change([], '', { v: 1 }))).toEqual([412, 'version_conflict']);
  // A damaged cell of one holds up nobody else.
  await d.execute(`UPDATE member SET entitlements = '[{' WHERE id = '${two}'`);
  const narrower = await change([scope('read')]);
  expect([narrower.status, narrower.json.widens]).toEqual([200, false]);
  expect(await scopes(), 'at once').toEqual([503, 503, ['read']]);
  await background(d).catch(() => undefined);
  expect(await scopes()).toEqual([['read'], 503, ['read']]);
  const after = (await d.admin('GET', `${MEMBERS}/${one}`)).json;
  expect([after.entitlement_version - before.entitlement_version, after.v - before.v]).toEqual([1, 1]);
  await d.execute(`UPDATE member SET entitlements = NULL WHERE id = '${two}'`);
  expect((await d.admin('POST', `${A}/bundles/base/end`, { reason: 'over' })).json).toMatchObject({ state: 'ended', entitlements: [] });
  expect((await scopes()).slice(0, 2)).toEqual([503, 503]);
  d.clock += 61;
  await background(d);
  expect(await scopes()).toEqual([[], [], ['read']]);
  for (const refused of [await change([scope('read')]), await make('base', [])]) expect(refused.status).toBe(409);
  const { text } = await d.admin('GET', `${A}/export`);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ entitlements, bundles }) => [entitlements, bundles])).toEqual(
    lines.map(({ entity_id }) => [entity_id === ids[2] ? [scope('read')] : [], undefined]),
  );
});

it('quorum 2: what widens waits for a second person and changes nothing; what narrows waits for nobody, and voids it', async () => {
  const d = await testDeployment();
  const C = 'https://client.example';
  await d.admin('POST', `${A}/bundles`, { name: 'base', entitlements: [scope('list')] });
  const id = await client(d, C, { scopes: ['read'], bundles: ['base'] });
  const { approvers, operator } = await twoDecide(d);
  const [one, two] = approvers;
  const at = `${MEMBERS}/${id}/entitlements`;
  const put = (who: typeof one, names: string[], bundles = ['base']) => who.as('PUT', at, { entitlements: names.map(scope), bundles });
  const scopes = async () => ((await served(d, C)) as { scope: { subset_of: string[] } }).scope.subset_of;
  expect(code(await put(operator, ['read', 'write'])), 'whoever may only enrol').toEqual([403, 'permission_denied']);
  const first = await put(one, ['read', 'write']);
  expect([first.status, first.json.approval.kind, await scopes()]).toEqual([202, 'widening', ['list', 'read']]);
  const say = (who: typeof one, { id: which, digest }: { id: string; digest: string }) => who.as('POST', `/approvals/${which}`, { verdict: 'approve', digest });
  // Narrowed by one person meanwhile, with no precondition: what was looked at is not there any more.
  expect((await put(operator, [])).status).toBe(200);
  expect(await scopes()).toEqual(['list']);
  expect(code(await say(two, first.json.approval))).toEqual([409, 'decision_changed']);
  const again = await put(one, ['write']);
  const [a, b] = await Promise.all([say(two, again.json.approval), say(two, again.json.approval)]);
  expect([a.status, b.status, (await d.admin('GET', at)).json.entitlement_version], 'twice at once is once').toEqual([200, 200, 3]);
  expect(await scopes()).toEqual(['list', 'write']);
  // A bundle that somebody has is widened by two; what the second approves is what the first saw.
  const change = (who: typeof one, names: string[]) => who.as('PATCH', `${A}/bundles/base`, { entitlements: names.map(scope) });
  const proposed = await change(one, ['list', 'more']);
  expect([proposed.status, proposed.json.approval.subject]).toEqual([202, 'main/base']);
  expect((await two.as('GET', `/approvals/${proposed.json.approval.id}`)).json).toMatchObject({ current: true, for_me: true });
  expect((await change(operator, ['list'])).status, 'nothing to change').toBe(200);
  expect((await change(operator, [])).status).toBe(200);
  expect((await two.as('GET', `/approvals/${proposed.json.approval.id}`)).json.current).toBe(false);
  expect(code(await say(two, proposed.json.approval))).toEqual([409, 'decision_changed']);
  const anew = await change(one, ['list']);
  expect((await say(two, anew.json.approval)).status).toBe(200);
  await background(d);
  expect(await scopes()).toEqual(['list', 'write']);
  // An application is approved with what it asks for: another content of its bundle is another decision.
  const { jwks } = await testMember('https://new.example');
  const applied = await operator.as('POST', MEMBERS, { entity_id: 'https://new.example', jwks, bundles: ['base'] });
  const approval = await one.as('POST', `${MEMBERS}/${applied.json.id}/approve`, {});
  expect(approval.status).toBe(202);
  expect((await change(operator, [])).status).toBe(200);
  expect(code(await say(two, approval.json.approval))).toEqual([409, 'decision_changed']);
  // What a bundle gives is decided with whoever is about to have it: one person changes one that nobody has, and the approval is void.
  expect((await operator.as('POST', `${A}/bundles`, { name: 'free', entitlements: [scope('list')] })).status).toBe(201);
  const given = await put(one, ['write'], ['base', 'free']);
  expect([given.status, given.json.approval.kind]).toEqual([202, 'widening']);
  const wide = await two.as('PATCH', `${A}/bundles/free`, { entitlements: [scope('list'), scope('admin')] });
  expect([wide.status, wide.json.entitlements, wide.json.v], 'nobody has it: it is changed all the same').toEqual([200, [scope('admin'), scope('list')], 2]);
  expect((await two.as('GET', `/approvals/${given.json.approval.id}`)).json.current).toBe(false);
  expect(code(await say(two, given.json.approval))).toEqual([409, 'decision_changed']);
  await background(d);
  expect(await scopes()).toEqual(['write']);
  const looked = await put(one, ['write'], ['base', 'free']);
  expect([(await say(two, looked.json.approval)).status, await scopes()]).toEqual([200, ['admin', 'list', 'write']]);
  // To empty a bundle and to end it are two decisions: an ended one does not come back.
  await two
    .as('PATCH', `${A}/bundles/free`, { entitlements: [scope('list'), { kind: 'grant_type', value: 'refresh_token' }] })
    .then(({ json }) => say(one, json.approval));
  const emptied = await two.as('PATCH', `${A}/bundles/free`, { entitlements: [] });
  const ended = await one.as('POST', `${A}/bundles/free/end`, { reason: 'over' });
  expect([emptied.status, ended.status, emptied.json.approval.digest !== ended.json.approval?.digest], ended.text).toEqual([202, 202, true]);
});

it('an import gives scopes and bundles; above leafs a policy whose operators do not merge is a warning', async () => {
  const d = await testDeployment();
  await d.admin('POST', `${A}/bundles`, { name: 'base', entitlements: [scope('list')] });
  const job = (await d.admin('POST', `${A}/imports`, { activate: true })).json.id;
  const { jwks } = await testMember('https://key.example');
  const csv = `entity_id,entity_types,jwks,scopes,bundles\nhttps://a.example,oauth_client,"${JSON.stringify(jwks).replaceAll('"', '""')}",read write,base\nhttps://b.example,oauth_client,"${JSON.stringify(jwks).replaceAll('"', '""')}",,nobody\n`;
  const done = await d.admin('POST', `${A}/imports/${job}/lines`, csv, { headers: { 'content-type': 'text/csv' } });
  expect([done.status, done.json.refused], done.text).toEqual([200, 1]);
  expect(await served(d, 'https://a.example')).toMatchObject({ scope: { default: 'list read write' } });
  const [refused] = (await d.admin('GET', `${A}/jobs/${job}/refusals`)).json.items.filter(({ severity }: { severity: string }) => severity === 'error');
  expect([refused.entity_id, refused.code]).toEqual(['https://b.example', 'entitlement_invalid']);
  const metadata_policy = {
    oauth_client: { scope: { default: 'list', subset_of: ['list', 'read', 'write'] } },
    openid_provider: { issuer: { essential: true } },
  };
  await client(d, 'https://inter.example', { intermediate: true, entity_types: ['federation_entity'] });
  await d.admin('PATCH', `${MEMBERS}/${encodeURIComponent('https://a.example')}/entitlements`, { remove: { entitlements: [scope('read'), scope('write')] } });
  const { json } = await d.admin('POST', `${A}/policies/check`, { metadata_policy });
  expect(json.findings.filter(({ code: found }: { code: string }) => found === 'default_above_leaf')).toMatchObject([
    { severity: 'warning', where: 'metadata_policy/oauth_client/scope/default' },
  ]);
});

it('nothing is set of which no statement could be signed: parameters of the whole policy, values of JSON, bytes of each that has a bundle', async () => {
  const d = await testDeployment();
  const C = 'https://client.example';
  await d.admin('POST', `${A}/bundles`, { name: 'base', entitlements: [scope('read'), scope('write')] });
  const claims = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`https://c.example/${n}`, '約'.repeat(1400)]));
  const id = await client(d, C, { bundles: ['base'], claims, metadata: { oauth_client: { x: 'y'.repeat(40_000) } } });
  const other = await client(d, 'https://other.example', { bundles: ['base'] });
  const bundle = (entitlements: unknown) => d.admin('PATCH', `${A}/bundles/base`, { entitlements });
  const refused = async (asked: ReturnType<typeof d.admin>) => {
    const { status, json } = await asked;
    return [
      status,
      json.findings
        ?.map(({ code: what, where }: { code: string; where: string }) => `${what} ${where}`)
        .filter((one: string) => !one.startsWith('policy_interop')),
    ];
  };
  // Each list is small enough; with what is said of this member the statement is not.
  const long = Array.from({ length: 7 }, (_, n) => ({ kind: 'resource', value: `https://r${n}.example/${'z'.repeat(1900)}` }));
  expect(await refused(bundle([scope('read'), ...long]))).toEqual([422, [`too_large ${C} entitlements`]]);
  const template = (n: number) => ({ kind: 'authorization_details_type', value: `t${n}`, template: { a: Array.from({ length: 1900 }, () => 0) } });
  const templates = [0, 1, 2, 3].map(template);
  expect(await refused(bundle([scope('read'), ...templates]))).toEqual([422, [`too_large ${C} entitlements`, 'too_many https://other.example entitlements']]);
  expect(await refused(d.admin('PUT', `${MEMBERS}/${other}/entitlements`, { entitlements: templates }))).toEqual([422, ['too_many entitlements']]);
  // A policy that is as long as one may be, alone.
  const metadata_policy = { openid_provider: Object.fromEntries(Array.from({ length: 195 }, (_, n) => [`p${n}`, { essential: false }])) };
  expect((await refused(d.admin('POST', `${A}/policies`, { metadata_policy })))[1]).toEqual([
    `too_many ${C} entitlements metadata_policy`,
    'too_many https://other.example entitlements metadata_policy',
  ]);
  await d.execute(`UPDATE member SET bundles = '[]', entitlements = NULL`);
  await d.admin('POST', `${A}/policies`, { metadata_policy });
  expect((await d.admin('POST', `${A}/policies/1/publish`, {})).status).toBe(200);
  expect((await refused(d.admin('PUT', `${MEMBERS}/${id}/entitlements`, { entitlements: [] })))[1]).toEqual(['too_many entitlements metadata_policy']);
});

it('one that cannot be signed holds up nobody else, and is told once; to take away needs no custody and no superior', async () => {
  const d = await testDeployment();
  const [C, O] = ['https://client.example', 'https://other.example'];
  await d.admin('POST', `${A}/bundles`, { name: 'base', entitlements: [scope('list'), scope('x')] });
  for (const id of [C, O]) {
    const one = await testMember(id);
    await d.admin('POST', MEMBERS, { entity_id: id, jwks: one.jwks, entity_types: ['oauth_client'], activate: true, bundles: ['base'] });
    const metadata = { oauth_client: { scope: 'list x', token_endpoint_auth_method: 'private_key_jwt' } };
    d.network.set(`${id}/.well-known/openid-federation`, await one.configuration({ metadata } as never));
  }
  await discoveryTurn(d.deployment, { more: () => true });
  const resolved = async () =>
    (await d.public(`/resolve?sub=${encodeURIComponent(C)}&trust_anchor=${encodeURIComponent('https://anchor.example.org')}`)).status;
  expect(await resolved()).toBe(200);
  // Of one nothing can be signed: its claims are not what a statement may have.
  await d.execute(`UPDATE member SET crit = '["gone"]' WHERE entity_id = '${O}'`);
  const told: { key: string; why: string }[] = [];
  const changed = await d.admin('PATCH', `${A}/bundles/base`, { entitlements: [scope('list')] });
  for (let n = 0; n < 3; n++) {
    d.clock += 61;
    await backgroundTurn(d.deployment, { more: () => true, tell: (one) => void told.push(one) });
    await discoveryTurn(d.deployment, { more: () => true });
  }
  expect([await resolved(), await served(d, O), (await d.admin('GET', `${A}/jobs/${changed.json.job}`)).json.state]).toEqual([200, 503, 'running']);
  const found = (await fsck(d.deployment)).filter(({ where }) => where === `statement ${O}`);
  expect(found).toMatchObject([{ code: 'statement_unsignable', detail: expect.stringContaining('crit') }]);
  expect(told).toEqual([{ kind: 'statement', key: O, why: expect.stringContaining('crit') }]);
  // Custody is away: what says too much is withheld in the commit, and signed anew later.
  const fail = () => Promise.reject(new Error('away'));
  const app = createAdminApp(() => ({ ...d.deployment, custody: { generate: fail, adopt: fail, signer: fail } }));
  const put = (body: object) =>
    app.request(`http://admin.test/admin/v1${MEMBERS}/${encodeURIComponent(C)}/entitlements`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  expect([(await put({ entitlements: [scope('more')], bundles: ['base'] })).status, (await served(d, C)) !== 503]).toEqual([503, true]);
  expect([(await put({ entitlements: [], bundles: [] })).status, await served(d, C)]).toEqual([200, 503]);
  await background(d);
  expect(await served(d, C)).toMatchObject({ scope: { subset_of: [] } });
  // As a version signs it that knows no entitlements: found, withheld and signed anew, also where it is not due for long.
  const limits = "bundles = '[]', entitlements =";
  await d.execute(`UPDATE member SET ${limits} NULL WHERE entity_id = '${C}'`);
  await d.execute(`UPDATE artefact SET renew_at = 0 WHERE key = '${C}'`);
  await backgroundTurn(d.deployment, { more: () => true });
  expect(await served(d, C)).toBe(null);
  await d.execute(`UPDATE member SET ${limits} '[]' WHERE entity_id = '${C}'`);
  for (let n = 0; n < 3; n++) await restateEntitled(d.deployment, 1);
  expect(await served(d, C)).toBe(503);
  await background(d);
  expect(await served(d, C)).toMatchObject({ scope: { subset_of: [] } });
  for (let n = 0; n < 3; n++) expect(await restateEntitled(d.deployment, 1), 'what is signed now says it').toBe(0);
  // Whoever was limited comes back limited; what it may ask for is said anew.
  await d.admin('POST', `${MEMBERS}/${encodeURIComponent(C)}/revoke`, { reason: 'left' });
  const { jwks } = await testMember('https://client2.example');
  const back = await d.admin('POST', MEMBERS, { entity_id: C, jwks, activate: true, readmit: 'came back' });
  expect([back.status, await served(d, C)], back.text).toEqual([201, expect.objectContaining({ scope: { default: '', subset_of: [], essential: true } })]);
});
