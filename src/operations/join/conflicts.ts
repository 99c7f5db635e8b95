import { and, eq } from 'drizzle-orm';
import { type ApplicationWithMember, othersWaiting } from '../../store/applications.js';
import { barredAmong } from '../../store/barred.js';
import { registeredAs } from '../../store/registered-organizations.js';
import { ENDED_STATES, member } from '../../store/schema.js';
import type { Call } from '../call.js';
import { otherSpellings, respelledFindings, spellingsOf } from '../members/respelled.js';
import { sharedKeys } from '../members/shared-keys.js';
import { type AuthorityRow, findOrganization } from '../registry.js';
import { ORGANIZATION_KNOWN } from './clean.js';

/** What of an application is, or may be, somebody else's: for reviewers alone, an applicant is told none of it. */
export interface Conflict {
  readonly code: string;
  /** An error stands in the way of taking it, unless a person accepts it by its code. */
  readonly severity: 'error' | 'warning';
  readonly detail: string;
}

/** Looked at when it is shown: who is here changes while it waits. */
export async function conflictsOf(
  { store: { db } }: Call,
  authority: AuthorityRow,
  { application: row, member: own }: ApplicationWithMember,
): Promise<readonly Conflict[]> {
  const { entityId, requested, details } = row;
  const found: Conflict[] = [];
  const add = (code: string, severity: Conflict['severity'], detail: string) => void found.push({ code, severity, detail });
  if (entityId === authority.entityId) add('identifier_of_authority', 'error', 'it is the identifier of the authority itself');
  const [held] = await db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authority.id), eq(member.entityId, entityId)))
    .limit(1);
  const [bar] = await barredAmong(db, authority.id, [entityId]);
  if (held && held.id !== own?.id) {
    if (bar || held.state === 'revoked')
      add('identifier_barred', 'error', `it was here and is barred (${held.id}); an approver takes it with a reason: --readmit, and it has other keys then`);
    else if (ENDED_STATES.includes(held.state)) add('identifier_returns', 'warning', `it was here before and is ${held.state} (${held.id})`);
    else add('identifier_held', 'error', `it is the identifier of the member ${held.id}, which is ${held.state}`);
  }
  for (const { id } of await othersWaiting(db, row)) add('identifier_contested', 'warning', `the application ${id} names the same identifier`);
  if (own) return found;
  const spellings = otherSpellings(await spellingsOf(db, authority.id, [entityId]), entityId);
  for (const { code, severity, detail } of respelledFindings(spellings)) add(code, severity, detail);
  const shared = requested.jwks ? ((await sharedKeys(db, authority, [{ entityId, jwks: requested.jwks }])).get(entityId) ?? []) : [];
  for (const { code, severity, detail } of shared) add(code, severity, detail);
  const { registrationNumber: number, jurisdiction } = details?.organization ?? {};
  const registers = number !== undefined && jurisdiction !== undefined ? await registeredAs(db, number, jurisdiction) : [];
  if (registers.some(({ state }) => state === 'halted'))
    add(
      'organization_halted',
      'error',
      'its registration number is that of an organization that is halted in this deployment: resume it first, where it is halted',
    );
  const name = details?.organization.legalName;
  for (const one of registers.filter((row) => row.authorityId === authority.id && row.legalName !== name))
    add('organization_registered', 'warning', `its registration number is that of the organization ${one.legalName} (${one.id})`);
  const organization = name === undefined ? undefined : await findOrganization(db, authority.id, name);
  if (organization)
    add(
      ORGANIZATION_KNOWN,
      'error',
      `there is an organization ${organization.legalName} (${organization.id}) already: taken, the member is its, with its accreditations. Make sure that it is, then --waive ${ORGANIZATION_KNOWN}`,
    );
  return found;
}
