import type { Role } from '../../src/store/schema.js';
import type { Answer, TestDeployment } from './deployment.js';

export interface TestPerson {
  readonly id: string;
  readonly token: string;
  as(method: string, path: string, body?: unknown): Promise<Answer>;
}

const done = ({ status, text, json }: Answer): Answer['json'] => {
  if (status >= 300) throw new Error(`${status} ${text}`);
  return json;
};

/** A person with a role and a key. Made by the owner key of the deployment, so where one decides. */
export async function testPerson(d: TestDeployment, role: Role, authority: string | null = null): Promise<TestPerson> {
  const { id } = done(await d.admin('POST', '/people', { name: `a ${role}` }));
  done(await d.admin('POST', `/people/${id}/roles`, { role, authority }));
  const { token } = done(await d.admin('POST', '/api-keys', { name: `key of ${role}`, person: id }));
  return { id, token, as: (method, path, body) => d.admin(method, path, body, { token }) };
}

/** Quorum 2 at `main`, with two owners, an operator and so many approvers. */
export async function twoDecide(d: TestDeployment, approvers = 2) {
  const owners = [await testPerson(d, 'owner'), await testPerson(d, 'owner')] as const;
  const operator = await testPerson(d, 'operator', 'main');
  const rest: TestPerson[] = [];
  for (let n = 0; n < approvers; n++) rest.push(await testPerson(d, 'approver', 'main'));
  done(await owners[0].as('PUT', '/authorities/main/quorum', { quorum: 2 }));
  return { owners, operator, approvers: rest as unknown as readonly [TestPerson, TestPerson, TestPerson, ...TestPerson[]] };
}
