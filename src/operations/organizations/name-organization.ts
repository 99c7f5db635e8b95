import { and, eq, isNull, ne } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { inLot, readByList } from '../../store/lots.js';
import { registeredAs, whileNoneRegisteredHalted } from '../../store/registered-organizations.js';
import { organization } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority, type MemberRow } from '../registry.js';
import { organizationOrRefuse, type OrganizationRow } from './find-organization.js';
import { type Registered, registered } from './registered.js';

/** An id names an organization by itself, so no name looks like one. */
function expectName(name: string): void {
  if (name.startsWith('org_')) throw new Refusal('invalid_request', 'a legal name does not begin with org_: that is how our ids begin');
}

async function expectFree({ store: { db } }: Pick<Call, 'store'>, authorityId: string, name: string, but = ''): Promise<void> {
  const same = and(eq(organization.authorityId, authorityId), eq(organization.legalName, name), ne(organization.id, but));
  if ((await db.select({ id: organization.id }).from(organization).where(same).limit(1)).length)
    throw new Refusal('already_exists', `there is an organization ${name} already`);
}

/**
 * A legal body that is halted under one authority gets no other row beside that, which nobody halted. It may be halted in another
 * chain meanwhile, so the commit asks again.
 * @throws Refusal wrong_state
 */
async function whileNotHalted(
  call: Pick<Call, 'store'>,
  row: Pick<OrganizationRow, 'id' | 'authorityId' | 'registrationNumber' | 'jurisdiction' | 'state'>,
): Promise<readonly Statement[]> {
  const { authorityId, registrationNumber: number, jurisdiction } = row;
  if (number === null || jurisdiction === null || row.state === 'halted') return [];
  if ((await registeredAs(call.store.db, number, jurisdiction)).some(({ id, state }) => state === 'halted' && id !== row.id))
    throw new Refusal('wrong_state', 'an organization with that registration number is halted in this deployment: resume it first, where it is halted');
  return [whileNoneRegisteredHalted(authorityId, number, jurisdiction, row.id)];
}

const NOWHERE = { registrationNumber: null, jurisdiction: null };
const toldRegister = ({ registrationNumber, jurisdiction }: OrganizationRow) =>
  registrationNumber === null ? {} : { registration_number: registrationNumber, jurisdiction };

export interface OrganizationChange extends Registered {
  readonly legalName?: string | undefined;
}

/** Make an organization before its first member. @throws Refusal already_exists; wrong_state while the same legal body is halted */
export async function createOrganization(call: Call<OrganizationRow>, slug: string, legalName: string, register: Registered = {}): Promise<OrganizationRow> {
  allow(call, 'enroll', slug);
  expectName(legalName);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const now = call.now();
  const row: OrganizationRow = {
    id: newId('org'),
    authorityId,
    legalName,
    state: 'active',
    stateReason: null,
    ...registered(NOWHERE, register),
    createdAt: now,
    updatedAt: now,
    v: 1,
  };
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      await expectFree(call, authorityId, legalName);
      return {
        events: [{ type: 'organization.created', subjectKind: 'organization', subjectId: row.id, detail: { legal_name: legalName, ...toldRegister(row) } }],
        statements: [...(await whileNotHalted(call, row)), insertRows(organization, [row])],
        result: row,
      };
    },
  });
}

/** Give an organization another legal name, or say where it is registered; its members stay its members. @throws Refusal not_found, already_exists, wrong_state */
export async function changeOrganization(call: Call<OrganizationRow>, slug: string, idOrName: string, to: OrganizationChange): Promise<OrganizationRow> {
  allow(call, 'enroll', slug);
  if (to.legalName !== undefined) expectName(to.legalName);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const { id } = await organizationOrRefuse(call, authorityId, idOrName);
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const before = await organizationOrRefuse(call, authorityId, id);
      const { legalName = before.legalName } = to;
      const register = registered(before, to);
      const set = { legalName, ...register, updatedAt: call.now(), v: before.v + 1 };
      const row: OrganizationRow = { ...before, ...set };
      const renamed = legalName !== before.legalName;
      const moved = register.registrationNumber !== before.registrationNumber || register.jurisdiction !== before.jurisdiction;
      if (!renamed && !moved) return { events: [], statements: [], result: before };
      if (renamed) await expectFree(call, authorityId, legalName, id);
      if (moved && before.state === 'halted' && before.registrationNumber !== null)
        throw new Refusal('wrong_state', 'it is halted, and found by its registration number: resume it first');
      const guards = moved ? await whileNotHalted(call, row) : [];
      const about = { subjectKind: 'organization', subjectId: id } as const;
      return {
        events: [
          ...(renamed ? [{ ...about, type: 'organization.renamed', detail: { legal_name: legalName, was: before.legalName } }] : []),
          ...(moved
            ? [{ ...about, type: 'organization.registered', detail: { registration_number: row.registrationNumber, jurisdiction: row.jurisdiction } }]
            : []),
        ],
        statements: [...guards, call.store.db.update(organization).set(set).where(eq(organization.id, id))],
        result: row,
      };
    },
  });
}

/**
 * Where an organization is registered that an applicant named, as a part of taking its application: it has just been made, or was
 * by that application. What is known of it already stays.
 * @throws Refusal invalid_request, wrong_state
 */
export async function registering(
  call: Pick<Call, 'store' | 'now'>,
  authorityId: string,
  id: string,
  register: Registered,
): Promise<{ readonly events: readonly NewEvent[]; readonly statements: readonly Statement[] }> {
  const to = registered(NOWHERE, register);
  const { db } = call.store;
  const [before] = await db
    .select()
    .from(organization)
    .where(and(eq(organization.authorityId, authorityId), eq(organization.id, id)))
    .limit(1);
  if (to.registrationNumber === null || (before && (before.registrationNumber !== null || before.state === 'halted'))) return { events: [], statements: [] };
  const guards = await whileNotHalted(call, { id, authorityId, state: 'active', ...to });
  return {
    events: [
      {
        type: 'organization.registered',
        subjectKind: 'organization',
        subjectId: id,
        detail: { registration_number: to.registrationNumber, jurisdiction: to.jurisdiction },
      },
    ],
    statements: [
      ...guards,
      db
        .update(organization)
        .set({ ...to, updatedAt: call.now(), v: (before?.v ?? 1) + 1 })
        .where(and(eq(organization.id, id), isNull(organization.registrationNumber))),
    ],
  };
}

/** The legal names of the organizations behind members, by id. */
export async function organizationNames({ store: { db } }: Pick<Call, 'store'>, members: readonly MemberRow[]): Promise<ReadonlyMap<string, string>> {
  const rows = await readByList([...new Set(members.flatMap(({ organizationId }) => organizationId ?? []))], (ids) =>
    db.select({ id: organization.id, legalName: organization.legalName }).from(organization).where(inLot(organization.id, ids)),
  );
  return new Map(rows.map(({ id, legalName }) => [id, legalName]));
}
