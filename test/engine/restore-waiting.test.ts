import { expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import type { Deployment } from '../../src/operations/call.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { haltOrganization } from '../../src/operations/organizations/halt-organization.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const SLUGS = ['main', 'two', 'three'];

/** Three authorities, each with a member that comes back with its organization: resumed by a process that ended at once. */
async function waiting() {
  const d = await testDeployment();
  for (const slug of SLUGS) {
    if (slug !== 'main') await createAuthority(d.call, { slug, entityId: `https://${slug}.example.org` });
    const { id, jwks } = await testMember(`https://of-${slug}.example.com`);
    await enrollMember(d.call, slug, { entityId: id, jwks, organization: 'Bank A', activate: true });
    await haltOrganization(d.call, slug, 'Bank A', 'fraud');
  }
  await d.execute("UPDATE organization SET state = 'active'");
  return d;
}

/** The custody has the keys of some authorities no more. */
async function without(d: TestDeployment, slugs: readonly string[]): Promise<Deployment> {
  const rows = await d.rows('SELECT k.id, a.slug FROM authority_key AS k JOIN authority AS a ON a.id = k.authority_id');
  const gone = rows.filter(({ slug }) => slugs.includes(String(slug))).map(({ id }) => id);
  const { custody } = d.deployment;
  return {
    ...d.deployment,
    custody: { ...custody, signer: (key) => (gone.includes(key.id) ? Promise.reject(new Error('the key is away')) : custody.signer(key)) },
  };
}

const active = async (d: TestDeployment) =>
  (await d.rows("SELECT entity_id FROM member WHERE state = 'active' ORDER BY entity_id")).map((one) => one['entity_id']);

it.each([...SLUGS.map((slug) => [slug]), ['main', 'three'], ['two', 'three']])(
  'an authority that cannot sign (%s %s) holds up its own members only, and is named',
  async (...named) => {
    const stuck = named.filter((one) => one !== undefined);
    const d = await waiting();
    const turned = await backgroundTurn(await without(d, stuck), { more: () => true }).catch((error: unknown) => error);
    const others = SLUGS.filter((slug) => !stuck.includes(slug));
    expect(await active(d)).toEqual(others.map((slug) => `https://of-${slug}.example.com`).sort());
    expect(turned).toBeInstanceOf(Error);
    for (const slug of SLUGS) expect((turned as Error).message.includes(slug), slug).toBe(stuck.includes(slug));
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await active(d), 'the key is back').toHaveLength(3);
  },
);
