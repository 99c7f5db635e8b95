import { expect, it } from 'vitest';
import { listMembers } from '../../src/operations/members/search-members.js';
import { paced, readInLots } from '../../src/operations/paced.js';
import { insertRows } from '../../src/store/bulk.js';
import { member } from '../../src/store/schema.js';
import { testDeployment } from '../support/deployment.js';

const name = (n: number) => `https://m${String(n).padStart(5, '0')}.example`;
const COUNT = 2100;

it('members are looked for piece by piece, and found in order, each once, page by page', async () => {
  const d = await testDeployment();
  const [owner] = await d.rows('SELECT id FROM authority');
  const [authorityId, json] = [String(owner?.['id']), {}];
  const fixed = {
    intermediate: false,
    jwks: { keys: [] },
    metadata: json,
    constraints: json,
    claims: json,
    crit: [],
    cut: 0,
    createdAt: 1,
    updatedAt: 1,
    v: 1,
  };
  const rows = Array.from({ length: COUNT }, (_, n) => ({
    ...fixed,
    id: `mem_${n}`,
    authorityId,
    entityId: name(n),
    state: n % 2 ? ('active' as const) : ('suspended' as const),
    entityTypes: n % 700 === 699 ? ['openid_provider'] : [],
  }));
  for (let at = 0; at < rows.length; at += 500) await d.deployment.store.write([insertRows(member, rows.slice(at, at + 500))]);
  const search = (more: object) => listMembers(d.call, 'main', { limit: 2, ...more });
  const first = await search({ entityType: 'openid_provider' });
  expect([first.items.map(({ entityId }) => entityId), first.next]).toEqual([[name(699), name(1399)], name(1399)]);
  const next = await search({ entityType: 'openid_provider', cursor: first.next ?? '' });
  expect([next.items.map(({ entityId }) => entityId), next.next]).toEqual([[name(2099)], null]);
  expect((await search({ q: 'm02099' })).items).toHaveLength(1);
  expect(await search({ q: 'nobody' })).toEqual({ items: [], next: null });
  expect(await search({ organization: 'nobody' })).toEqual({ items: [], next: null });
  expect((await d.admin('GET', '/authorities/main')).json.members).toEqual({ active: COUNT / 2, suspended: COUNT / 2 });
});

it('whoever reads here reads a piece at a time and no more than is wanted; elsewhere it is one question', async () => {
  const all = Array.from({ length: 3500 }, (_, n) => name(n));
  const after = (from: string | undefined) => (from === undefined ? 0 : all.indexOf(from) + 1);
  const read = async (readsHere: boolean, passes: (one: string) => boolean, most: number) => {
    const asked: number[] = [];
    const found = await readInLots(
      { readsHere },
      { from: undefined, most },
      async (from, size) => all[after(from) + size],
      async (from, to, limit) => {
        const some = all.slice(after(from), to === undefined ? undefined : all.indexOf(to) + 1);
        asked.push(some.length);
        return some.filter(passes).slice(0, limit);
      },
    );
    return { asked: asked.length, found };
  };
  expect(await read(true, (one) => one === name(3499), 5)).toEqual({ asked: 4, found: [name(3499)] });
  expect(await read(true, () => true, 5)).toEqual({ asked: 1, found: all.slice(0, 5) });
  expect(await read(true, () => false, 5)).toEqual({ asked: 4, found: [] });
  expect(await read(false, (one) => one === name(3499), 5)).toEqual({ asked: 1, found: [name(3499)] });
  await expect(paced({ readsHere: true })(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
});
