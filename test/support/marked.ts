import { type TestDeployment, testDeployment, testMember } from './deployment.js';

/** A deployment with one member in force, to whom the anchor has granted a mark. */
export async function marked(member: string, type: string): Promise<TestDeployment> {
  const d = await testDeployment();
  const { jwks } = await testMember(member);
  await d.admin('POST', '/authorities/main/members', { entity_id: member, jwks, entity_types: ['openid_relying_party'], activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: type });
  await d.admin('POST', '/authorities/main/marks', { trust_mark_type: type, member });
  return d;
}
