import { decodeProtectedHeader } from 'jose';
import { expect } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from './deployment.js';

export const TYPE = `${ANCHOR}/marks/certified`;
const IDS = ['https://a.example.com', 'https://b.example.com', 'https://c.example.com'] as const;
const of = encodeURIComponent;
export const all = { more: () => true };
const ok = async (asked: ReturnType<TestDeployment['admin']>, status = 200) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
/** What is left to be written in slices, by kind. */
export const notes = async (d: TestDeployment) =>
  (await d.rows("SELECT name FROM setting WHERE name LIKE 'due %' ORDER BY name")).map(({ name }) => String(name).split(' ')[1]);
/** Slices of so many rows, and no rest between them. */
export const lotsOf = (most: number) => ({
  lots: { size: () => most, carry: <T>(lot: () => Promise<T>) => lot() },
  more: () => true,
  failed: (error: unknown) => {
    throw error;
  },
});

/** Three members, evaluated, one of them marked. Where `most` rows are few, whatever is more is written in slices. */
export async function federation(most: number) {
  const d = await testDeployment();
  await ok(d.admin('PATCH', '/authorities/main', { subordinate_events: true, entity_collection: true }));
  await ok(d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE }), 201);
  for (const id of IDS) {
    const member = await testMember(id);
    await ok(d.admin('POST', '/authorities/main/members', { entity_id: id, jwks: member.jwks, entity_types: ['openid_relying_party'], activate: true }), 201);
    d.network.set(`${id}/.well-known/openid-federation`, await member.configuration());
  }
  await ok(d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: IDS[0] }), 201);
  const settle = async (deployment = d.deployment) => {
    for (let n = 0; n < 2; n++) {
      await backgroundTurn({ ...deployment, dueAtOnce: most }, all);
      await discoveryTurn({ ...deployment, dueAtOnce: most }, all);
    }
  };
  await settle();
  const [{ bytes: mark } = {}] = await d.rows("SELECT bytes FROM artefact WHERE kind = 'mark'");
  const [{ key: list } = {}] = await d.rows("SELECT key FROM artefact WHERE kind = 'status_list'");
  const fetched = async () => Promise.all(IDS.map(async (id) => (await d.public(`/fetch?sub=${of(id)}`)).status));
  const kids = async () => Promise.all(IDS.map(async (id) => decodeProtectedHeader((await d.public(`/fetch?sub=${of(id)}`)).text).kid));
  /** What everybody is answered, as far as it shows whether something is vouched for. */
  const seen = async () => {
    const status = async (path: string, init?: RequestInit) => (await d.public(path, init)).status;
    const extended = await d.public('/extended-list');
    const form = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ trust_mark: String(mark) }).toString(),
    };
    return {
      fetch: await fetched(),
      resolve: await status(`/resolve?sub=${of(IDS[0])}&trust_anchor=${of(ANCHOR)}`),
      mark: await status(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(IDS[0])}`),
      marked: (await d.public(`/trust-mark-list?trust_mark_type=${of(TYPE)}`)).text,
      markStatus: await status('/trust-mark-status', form),
      events: await status(`/subordinate-events?sub=${of(IDS[0])}`),
      configuration: await status('/.well-known/openid-federation'),
      historical: await status('/historical-keys'),
      head: await status('/head'),
      statusList: await status(`/status-lists/${list}`),
      list: (await d.public('/list')).text,
      listedWithMark: (await d.public('/list?trust_marked=true')).text,
      extended: JSON.stringify(
        extended.json?.immediate_subordinate_entities?.map((one: Record<string, unknown>) => Object.keys(one).sort()) ?? extended.status,
      ),
      collected: JSON.stringify(
        (await d.public(`/collection?trust_anchor=${of(ANCHOR)}`)).json?.entities?.map(({ entity_id: id }: { entity_id: string }) => id),
      ),
    };
  };
  const [{ kid } = {}] = await d.rows("SELECT kid FROM authority_key WHERE state = 'active'");
  return { d, call: { ...d.call, dueAtOnce: most }, deployment: { ...d.deployment, dueAtOnce: most }, settle, seen, fetched, kids, kid: String(kid) };
}
export type Federation = Awaited<ReturnType<typeof federation>>;
