import { describe, expect, it } from 'vitest';
import { platform } from '#test-platform';
import { parseJws, type StatusListClaim } from '../../src/federation/entry.js';
import { statusAt, unpackStatuses } from '../../src/federation/status-list.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { DAMAGES, damage, fillEmpty, SABOTAGED, type SabotagedTable } from '../support/sabotage.js';

const A = '/authorities/main';
const TYPE = 'https://anchor.example.org/marks/certified';
const VICTIM = 'https://victim.example.com';
const OTHER = 'https://other.example.com';
const of = encodeURIComponent;
const more = { more: () => true };

/** A deployment that has something in as many tables as can be: two authorities, members, marks of both, jobs, evaluations. */
async function busy(): Promise<TestDeployment & { mark: string }> {
  const d = await testDeployment();
  const ok = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await d.admin(method, path, body, { headers });
    expect(answer.status, `${method} ${path} ${answer.text}`).toBeLessThan(300);
    return answer.json;
  };
  await createAuthority(d.call, { slug: 'marks', entityId: 'https://marks.example.org' });
  for (const id of [VICTIM, OTHER]) {
    const one = await testMember(id);
    d.network.set(`${id}/.well-known/openid-federation`, await one.configuration());
    await ok('POST', `${A}/members`, { entity_id: id, jwks: one.jwks, organization: `Owner of ${id}`, activate: true }, { 'idempotency-key': id });
  }
  victim = String((await d.rows(`SELECT id FROM member WHERE entity_id = '${VICTIM}'`))[0]?.['id']);
  for (const slug of ['main', 'marks']) await ok('POST', `/authorities/${slug}/mark-types`, { trust_mark_type: TYPE });
  const { trust_mark: mark } = await ok('POST', `${A}/marks`, { trust_mark_type: TYPE, member: VICTIM });
  for (const member of [VICTIM, OTHER]) await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member, member_of: 'main' });
  await ok('POST', `${A}/mark-types/${of(TYPE)}/delegations`, { issuer: 'https://marks.example.org' });
  await ok('PUT', `${A}/mark-types/${of(TYPE)}/recognition`, { issuers: ['https://marks.example.org'] });
  await ok('POST', '/authorities/marks/anchors', { entity_id: 'https://anchor.example.org' });
  await ok('POST', `${A}/policies`, { metadata_policy: { openid_relying_party: { contacts: { add: ['ops@example.org'] } } } });
  await ok('POST', `${A}/policies/1/publish`, { accept_breaks: true });
  await ok('POST', `${A}/keys`, {});
  await ok('POST', '/api-keys', { name: 'another', role: 'operator' });
  const { id: dry } = await ok('POST', `${A}/imports`, { dry_run: true });
  const line = JSON.stringify({ entity_id: 'https://new.example.com', jwks: (await testMember('https://new.example.com')).jwks });
  await d.admin('POST', `${A}/imports/${dry}/lines`, `${line}\nnonsense`, { headers: { 'content-type': 'application/x-ndjson' } });
  await d.inbox.spend(OTHER, 'jti', NOW + 60);
  await d.inbox.want(String((await d.rows("SELECT id FROM authority WHERE slug = 'main'"))[0]?.['id']), 'https://wanted.example.com', OTHER, NOW);
  await ok('POST', `${A}/crawls`, {});
  await backgroundTurn(d.deployment, more);
  await discoveryTurn(d.deployment, more);
  return Object.assign(d, { mark });
}

const suspend = (d: TestDeployment, id: string) => d.admin('POST', `${A}/members/${of(id)}/suspend`, { reason: 'fraud' });

/** Our id of the victim: by it its place in the status list is found. */
let victim = '';

/** What the row of a suspension is found by, and who asks for it: without these nobody knows what is meant. */
const NEEDED: Readonly<Record<string, (row: Readonly<Record<string, unknown>>) => boolean>> = {
  member: (row) => row['entity_id'] === VICTIM,
  authority: (row) => row['slug'] === 'main',
  api_key: (row) => row['name'] !== 'another',
  status_entry: (row) => row['subject_id'] === victim,
};

/** Suspend the victim while a row is damaged; gives what went wrong. */
async function tryToSuspend(d: TestDeployment, what: string, own?: number): Promise<string | undefined> {
  const answer = await suspend(d, VICTIM);
  if (answer.status !== 200) return `${what}: suspended ${answer.status} ${answer.text}`;
  const fetched = await d.public(`/fetch?sub=${of(VICTIM)}`);
  if (fetched.status !== 404 && fetched.status !== own) return `${what}: fetched ${fetched.status} ${fetched.text}`;
  const list = await d.public('/status-lists/0');
  return list.status === 200 && (await saidOfVictim(d, list.text)) === 0 ? `${what}: the status list says that it is valid` : undefined;
}

/** What a list says of the victim, whatever it is worth besides. */
async function saidOfVictim(d: TestDeployment, token: string): Promise<number | undefined> {
  const [row] = await d.rows(`SELECT status_idx FROM member WHERE entity_id = '${VICTIM}'`);
  const jws = parseJws(token, 'statuslist+jwt');
  const list = jws.ok ? await unpackStatuses(jws.value.claims['status_list'] as StatusListClaim) : undefined;
  return list === undefined || 'code' in list ? undefined : statusAt(list, Number(row?.['status_idx']));
}

async function resumed(d: TestDeployment, what: string): Promise<void> {
  const { v } = (await d.admin('GET', `${A}/members/${of(VICTIM)}`)).json;
  const back = await d.admin('POST', `${A}/members/${of(VICTIM)}/resume`, { v });
  expect(back.status, `${what}: ${back.text}`).toBe(200);
  expect((await d.public(`/fetch?sub=${of(VICTIM)}`)).status, what).toBe(200);
}

/** On D1 each trial costs ten times as much: there of each table one row, and the worst damages. */
const few = platform === 'workers';
const damages = Object.entries(DAMAGES).filter(([name]) => !few || name === 'text cut off' || name === 'its names destroyed');

/** The first row of a table gets all damages, of the others each gets the next one. */
const takingTurns = (n: number) => (n === 0 ? damages : damages.filter((_, at) => at === n % damages.length));

/** The rows to damage in each table: those that are there now, not what the trials themselves add. */
async function trials(d: TestDeployment): Promise<ReadonlyMap<string, readonly unknown[]>> {
  const all = new Map<string, readonly unknown[]>();
  for (const { name } of SABOTAGED) {
    const rows = await d.rows(`SELECT rowid AS "rowid of it", * FROM "${name}"`);
    const open = rows.filter((row) => !NEEDED[name]?.(row)).map((row) => row['rowid of it']);
    all.set(name, few ? open.slice(0, 1) : open);
  }
  return all;
}

describe('a suspension depends on no row that it does not need', () => {
  it('every row of every table, damaged in one way or another: another member is suspended and served no more', async () => {
    const d = await busy();
    await fillEmpty(d);
    const wrong: string[] = [];
    const tried = new Map<string, number>();
    const all = await trials(d);
    for (const table of SABOTAGED)
      for (const [n, rowid] of (all.get(table.name) ?? []).entries())
        for (const [name, how] of takingTurns(n)) {
          const mend = await damage(d, table, rowid, how);
          if (!mend) continue;
          const what = `${table.name} ${rowid}, ${name}`;
          tried.set(table.name, (tried.get(table.name) ?? 0) + 1);
          const failed = await tryToSuspend(d, what);
          await mend();
          if (failed) wrong.push(failed);
          await resumed(d, what);
        }
    expect(wrong.join('\n')).toBe('');
    expect([...tried.keys()].sort()).toEqual(SABOTAGED.map(({ name }) => name).sort());
  }, 300_000);

  it.each(['member', 'authority'])(
    'what its own row of %s says is damaged, all but what it is found by and its state',
    async (name) => {
      const d = await busy();
      const spared = ['id', 'slug', 'authority_id', 'entity_id', 'state', 'place', 'organization_id', 'suspended_with', 'cut', 'v', 'generation'];
      const table = SABOTAGED.find((one) => one.name === name) as SabotagedTable;
      const [row] = await d.rows(`SELECT rowid FROM "${name}" WHERE entity_id = '${name === 'member' ? VICTIM : 'https://anchor.example.org'}'`);
      const wrong: string[] = [];
      for (const column of table.columns)
        for (const [how, one] of damages) {
          const mend = await damage(d, { name, columns: [column] }, row?.['rowid'], one, spared);
          if (!mend) continue;
          // An authority of which nobody knows any more whom it answers answers nobody.
          const failed = await tryToSuspend(d, `${column.name}, ${how}`, column.name === 'client_auth' ? 401 : 404);
          await mend();
          if (failed) wrong.push(failed);
          await d.execute(`UPDATE member SET removed_keys = '[]' WHERE entity_id = '${VICTIM}'`);
          await resumed(d, `${column.name}, ${how}`);
        }
      expect(wrong.join('\n')).toBe('');
    },
    300_000,
  );
});
