import { and, eq, isNull } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { whileOneDecides } from '../../store/guards.js';
import { quorumOf, type RoleGrantRow } from '../../store/people.js';
import { authority, type Role, roleGrant } from '../../store/schema.js';
import { rolesOf } from '../access/in-force.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { consent, type Consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { permits } from '../permissions.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { expectGranterLeft } from './last-granter.js';
import { findPerson } from './people.js';

export interface RoleInput {
  readonly role: Role;
  /** Slug; null: all authorities, and the deployment itself. */
  readonly authority: string | null;
  /** Seconds since the epoch. */
  readonly expiresAt?: number | null | undefined;
}
export type GrantedRole = RoleGrantRow & { readonly slug: string | null };

/** A role that can widen trust, or hand it on: one person does not make himself two. */
const takesTwo = (role: Role): boolean => permits(role, 'approve') || permits(role, 'administer');

/**
 * Give a person a role. With quorum 2 an owner or an approver takes two persons, neither of them who gets it.
 * @throws Refusal not_found, wrong_state, already_exists, self_approval
 */
export async function grantRole(
  call: Call<GrantedRole>,
  personId: string,
  { role, authority: slug, expiresAt }: RoleInput,
  seen: Seen = {},
): Promise<GrantedRole> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const of = slug === null ? null : await findAuthority(db, slug);
  if (typeof expiresAt === 'number' && expiresAt <= call.now())
    throw new Refusal('invalid_request', `expires_at: ${expiresAt} is past; give seconds since the epoch`);
  const id = newId('rgr');
  return change<GrantedRole>(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    about: personId,
    async decide() {
      const to = await findPerson(db, personId);
      if (to.state !== 'active') throw new Refusal('wrong_state', 'this person was ended; whoever comes back is added anew');
      const held = (await rolesOf(db, [personId], call.now())).get(personId) ?? [];
      if (held.some((one) => one.role === role && one.authority === slug)) throw new Refusal('already_exists', `this person is ${role} already`);
      const quorum = await quorumOf(db, of?.id ?? null);
      const agreed: Consent = takesTwo(role)
        ? await consent(call, quorum, {
            kind: 'role',
            subjectId: `${personId}/${role}/${slug ?? '*'}`,
            authority: of,
            chain: DEPLOYMENT,
            permission: 'administer',
            content: { person: personId, role, authority: slug, expires_at: expiresAt ?? null },
            request: { person: personId, role, authority: slug, expires_at: expiresAt ?? null },
            barred: new Map([[personId, 'self_approval']]),
            seen: seen.digest,
            note: seen.note,
            recoverable: true,
          })
        : { statements: [], detail: quorum < 2 ? { single_operator: true } : {}, first: null };
      if (agreed.held) return agreed.held;
      const row: RoleGrantRow = {
        id,
        personId,
        role,
        authorityId: of?.id ?? null,
        grantedBy: agreed.first ?? call.actor.id,
        secondBy: agreed.first === null ? null : call.actor.id,
        grantedAt: call.now(),
        expiresAt: expiresAt ?? null,
        endedAt: null,
      };
      return {
        events: [
          {
            type: 'role.granted',
            subjectKind: 'person',
            subjectId: personId,
            detail: { grant: id, role, authority: slug, ...(row.expiresAt !== null && { expires_at: row.expiresAt }), ...agreed.detail },
          },
        ],
        statements: [...(quorum < 2 ? [whileOneDecides(DEPLOYMENT, of?.id ?? null)] : []), ...agreed.statements, insertRows(roleGrant, [row])],
        result: { ...row, slug },
      };
    },
  });
}

/** Take a role away at once; it takes one person. @throws Refusal not_found, last_owner */
export async function endRole(call: Call<GrantedRole>, personId: string, grantId: string, reason: string | undefined): Promise<GrantedRole> {
  const { db } = call.store;
  const found = async (): Promise<GrantedRole> => {
    const [row] = await db
      .select({ grant: roleGrant, slug: authority.slug })
      .from(roleGrant)
      .leftJoin(authority, eq(authority.id, roleGrant.authorityId))
      .where(and(eq(roleGrant.id, grantId), eq(roleGrant.personId, personId)))
      .limit(1);
    if (!row) throw new Refusal('not_found', 'this person has no such role');
    return { ...row.grant, slug: row.slug };
  };
  allow(call, 'administer', (await found()).slug);
  return change<GrantedRole>(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    about: personId,
    urgent: true,
    async decide() {
      const before = await found();
      if (before.endedAt !== null) return { events: [], statements: [], result: before };
      await expectGranterLeft(db, (one) => one.grantId === grantId);
      const endedAt = call.now();
      return {
        events: [
          { type: 'role.ended', subjectKind: 'person', subjectId: personId, reason, detail: { grant: grantId, role: before.role, authority: before.slug } },
        ],
        statements: [
          db
            .update(roleGrant)
            .set({ endedAt })
            .where(and(eq(roleGrant.id, grantId), isNull(roleGrant.endedAt))),
        ],
        result: { ...before, endedAt },
      };
    },
  });
}
