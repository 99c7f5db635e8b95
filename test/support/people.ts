import { newApiKey, newId, sha256 } from '../../src/keys/random.js';
import { insertRows } from '../../src/store/bulk.js';
import { apiKey, authority, person, type Role, roleGrant } from '../../src/store/schema.js';
import { type Answer, NOW, type TestDeployment } from './deployment.js';

export interface TestPerson {
  readonly id: string;
  readonly token: string;
  as(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** Persons with a role and a key each, written by one statement a table: how they are made is tested elsewhere. */
export async function testPeople(d: TestDeployment, roles: readonly (readonly [role: Role, authority: string | null])[]): Promise<readonly TestPerson[]> {
  const { store } = d.deployment;
  const ids = new Map((await store.db.select({ id: authority.id, slug: authority.slug }).from(authority)).map(({ id, slug }) => [slug, id]));
  const made = await Promise.all(
    roles.map(async ([role, slug]) => {
      const { token, prefix } = newApiKey();
      const id = newId('per');
      return { id, token, prefix, role, authorityId: slug === null ? null : (ids.get(slug) as string), digest: await sha256(token) };
    }),
  );
  const by = { createdAt: NOW, createdBy: 'system' };
  await store.write([
    insertRows(
      person,
      made.map(({ id, role }) => ({ id, name: `a ${role}`, email: null, state: 'active' as const, ...by, updatedAt: NOW, endedAt: null, v: 1 })),
    ),
    insertRows(
      roleGrant,
      made.map(({ id, role, authorityId }) => ({ id: newId('rgr'), personId: id, role, authorityId, grantedBy: 'system', grantedAt: NOW })),
    ),
    insertRows(
      apiKey,
      made.map(({ id, prefix, digest }) => ({
        id: newId('api'),
        name: 'k',
        prefix,
        sha256: digest,
        role: 'person' as const,
        personId: id,
        authorities: null,
        ...by,
      })),
    ),
  ]);
  return made.map(({ id, token }) => ({ id, token, as: (method, path, body) => d.admin(method, path, body, { token }) }));
}

export const testPerson = async (d: TestDeployment, role: Role, authority: string | null = null): Promise<TestPerson> =>
  (await testPeople(d, [[role, authority]]))[0] as TestPerson;

/** Quorum 2 at `main`, with two owners, an operator and so many approvers. */
export async function twoDecide(d: TestDeployment, approvers = 2) {
  const [ann, bob, operator, ...rest] = await testPeople(d, [
    ['owner', null],
    ['owner', null],
    ['operator', 'main'],
    ...Array.from({ length: approvers }, () => ['approver', 'main'] as const),
  ]);
  const raised = await (ann as TestPerson).as('PUT', '/authorities/main/quorum', { quorum: 2 });
  if (raised.json.quorum !== 2) throw new Error(raised.text);
  return {
    owners: [ann, bob] as unknown as readonly [TestPerson, TestPerson],
    operator: operator as TestPerson,
    approvers: rest as unknown as readonly [TestPerson, TestPerson, TestPerson, ...TestPerson[]],
  };
}
