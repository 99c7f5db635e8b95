import { and, eq } from 'drizzle-orm';
import { checkProfile, type OwnFact, type Profile, PROFILES, type ProfileFinding, validateEntityConfiguration } from '../../federation/entry.js';
import { superiorConfigurations } from '../../resolver/profile-evidence.js';
import { saysNothingOf } from '../../store/member-query.js';
import { member, trustMarkType } from '../../store/schema.js';
import { anchorsOf } from '../resolving/anchors.js';
import { allow, type Call, type Deployment } from '../call.js';
import type { Questions } from '../explorer.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, findAuthority, publishedPolicy } from '../registry.js';
import { statementSource } from '../resolving/statement-source.js';

/** A profile that comes with Holdfast. @throws Refusal invalid_request */
export function profileNamed(name: string): Profile {
  const found = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (!found) throw new Refusal('invalid_request', `there is no profile ${name.slice(0, 60)}; there are ${Object.keys(PROFILES).join(', ')}`);
  return found;
}

/** Check an authority of ours against a profile: what it publishes, and what only its operator knows. Changes nothing. */
export async function checkAuthority(call: Call, slug: string, profile: string): Promise<readonly ProfileFinding[]> {
  allow(call, 'read', slug);
  await findAuthority(call.store.db, slug);
  profileNamed(profile);
  return call.explorer.ask('checkAuthority', { slug, profile });
}

/** The reading half: rules about superiors look at what those publish. @throws Refusal findings */
export async function checkAuthorityNow(deployment: Deployment, { slug, profile }: Questions['checkAuthority']['asked']): Promise<readonly ProfileFinding[]> {
  const row = await findAuthority(deployment.store.db, slug);
  const rules = profileNamed(profile);
  const source = statementSource(deployment);
  const options = { now: deployment.now(), development: deployment.development };
  const compact = await source.configuration(row.entityId);
  if (!compact.ok) throw refuseFindings('its configuration cannot be read', compact.findings);
  const statement = await validateEntityConfiguration(compact.value, { ...options, subject: row.entityId });
  if (!statement.ok) throw refuseFindings('its configuration is not valid', statement.findings);
  return checkProfile(rules, statement.value, {
    own: await ownFacts(deployment, row),
    resolvesUnder: Object.keys(await anchorsOf(deployment, row)),
    superiors: await superiorConfigurations(statement.value, [rules], { source, ...options }),
  });
}

async function ownFacts({ store: { db } }: Deployment, row: AuthorityRow): Promise<Readonly<Record<OwnFact, boolean>>> {
  const [silent] = await db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, row.id), eq(member.state, 'active'), saysNothingOf('registration_policy')))
    .limit(1);
  const types = await db
    .select({ lifetime: trustMarkType.lifetime })
    .from(trustMarkType)
    .where(and(eq(trustMarkType.authorityId, row.id), eq(trustMarkType.state, 'active')));
  const operators = Object.values((await publishedPolicy(db, row.id))?.policy ?? {}).flatMap((parameters) =>
    Object.values((parameters ?? {}) as object).flatMap((one) => Object.keys((one ?? {}) as object)),
  );
  return {
    says_every_location: row.ecLocation === 'always',
    says_registration_policies: silent === undefined,
    // A type without lifetime has marks without end.
    marks_always_end: types.some(({ lifetime }) => lifetime > 0),
    policy_adds_values: operators.some((one) => ['value', 'add', 'default'].includes(one)),
  };
}
