import type { EventsOf } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { type RegisteredOrganization, registeredAs, whileNoOtherRegistered } from '../../store/registered-organizations.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { actOf, type CutBy } from '../halts/why.js';
import { hurried } from '../keys/from-custody.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { organizationOrRefuse, type OrganizationRow } from './find-organization.js';
import { decideHalt } from './halt-organization.js';
import { jurisdictionOf, registrationKey } from './registered.js';

/** The legal body: by a row of it at an authority, or by its number in a public register. */
export interface LegalBody {
  readonly authority?: string | undefined;
  readonly organization?: string | undefined;
  readonly registrationNumber?: string | undefined;
  readonly jurisdiction?: string | undefined;
}

export interface HaltedBody {
  readonly at: readonly {
    readonly slug: string;
    readonly authorityId: string;
    readonly organization: OrganizationRow;
    readonly members: number;
    readonly already: boolean;
  }[];
  readonly already: boolean;
  /** False: its row bears no registration number, so its rows under other authorities could not be told. */
  readonly everywhere: boolean;
}

interface Register {
  readonly number: string;
  readonly jurisdiction: string;
}

/** @throws Refusal not_found; invalid_request for a number that is in two registers */
export async function registerOf(call: Call, body: LegalBody): Promise<Register | RegisteredOrganization> {
  const { db } = call.store;
  if (body.registrationNumber !== undefined) {
    const number = registrationKey(body.registrationNumber);
    const rows = await registeredAs(db, number, body.jurisdiction === undefined ? undefined : jurisdictionOf(body.jurisdiction));
    const [first, ...others] = [...new Set(rows.map(({ jurisdiction }) => jurisdiction ?? ''))].sort();
    if (first === undefined)
      throw new Refusal('not_found', 'no organization of this deployment bears that registration number; see: holdfast organization list');
    if (others.length)
      throw new Refusal('invalid_request', `that number stands in the registers of ${[first, ...others].join(' and ')}: say which one is meant (jurisdiction)`);
    return { number, jurisdiction: first };
  }
  const { id: authorityId } = await findAuthority(db, body.authority ?? '');
  const row = await organizationOrRefuse(call, authorityId, body.organization ?? '');
  return row.registrationNumber !== null && row.jurisdiction !== null
    ? { number: row.registrationNumber, jurisdiction: row.jurisdiction }
    : { id: row.id, state: row.state, authorityId, slug: body.authority ?? '', jurisdiction: null };
}

/** The rows of a legal body at the authorities of this deployment. */
export const rowsOf = async ({ store: { db } }: Call, register: Register | RegisteredOrganization): Promise<readonly RegisteredOrganization[]> =>
  'number' in register ? registeredAs(db, register.number, register.jurisdiction) : [register];

/**
 * Halt an organization at every authority of this deployment that knows it, in one commit: all of them or none. Each chain gets
 * the event of its own halt, and that of the deployment the one that tells of the act. A row under an authority whose chain was
 * not watched makes it decide again.
 * @throws Refusal invalid_request, not_found, permission_denied
 */
export async function haltEverywhere(
  asked: Call<HaltedBody>,
  body: LegalBody,
  reason: string | undefined,
  { publicReason, ...by }: CutBy & { readonly publicReason?: string | undefined } = {},
): Promise<HaltedBody> {
  const call: Call<HaltedBody> = { ...asked, custody: hurried(asked.custody) };
  allow(call, 'cut', null);
  if (!reason) throw new Refusal('invalid_request', 'halting an organization needs a reason');
  const register = await registerOf(call, body);
  return change<HaltedBody>(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    about: 'number' in register ? `registration ${register.jurisdiction} ${register.number}` : register.id,
    urgent: true,
    async decide(watch) {
      const watched = new Set((await rowsOf(call, register)).map(({ authorityId }) => authorityId));
      for (const id of watched) await watch(id);
      const rows = (await rowsOf(call, register)).filter(({ authorityId }) => watched.has(authorityId));
      const statements: Statement[] = 'number' in register ? [whileNoOtherRegistered(DEPLOYMENT, register.number, register.jurisdiction, rows)] : [];
      const told: EventsOf[] = [];
      const at: HaltedBody['at'][number][] = [];
      for (const { id, authorityId, slug } of rows) {
        const halted = await decideHalt(call, watch, { authorityId, id, reason, publicReason, by });
        told.push({ authorityId, events: halted.events }, ...halted.elsewhere);
        statements.push(...halted.statements);
        at.push({ slug, authorityId, ...halted.result });
      }
      const [first] = at;
      if (!first) throw new Refusal('not_found', 'no organization of this deployment bears that registration number any more');
      const already = at.every((one) => one.already);
      const own = {
        type: 'organization.halted_everywhere',
        subjectKind: 'organization',
        subjectId: first.organization.id,
        reason,
        reasonCode: by.reasonCode,
        detail: {
          ...actOf(by),
          members: at.reduce((sum, { members }) => sum + members, 0),
          organizations: at.map(({ authorityId, organization, members }) => ({ authority_id: authorityId, organization_id: organization.id, members })),
          ...(already && { already: true }),
        },
      } as const;
      return {
        ...byChain(DEPLOYMENT, [{ authorityId: DEPLOYMENT, events: [own] }, ...told]),
        statements,
        result: { at, already, everywhere: 'number' in register },
      };
    },
  });
}
