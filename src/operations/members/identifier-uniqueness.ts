import { and, eq, inArray, isNotNull, isNull, ne, or, sql } from 'drizzle-orm';
import { type JwkSet, parseJws } from '../../federation/entry.js';
import { homeOf, samePlace } from '../../federation/place.js';
import { artefact, authority, crawlEntity, member, snapshot } from '../../store/schema.js';
import type { Call } from '../call.js';
import { DOMAIN_CONTROL_NEEDED, onOwnHost, shareKey } from './domain-control.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

/** States in which an identifier is somebody's: a suspended member keeps it. */
const ASSIGNED = ['active', 'suspended'] as const;

/**
 * An identifier whose configuration is not at its well-known URL must not be assigned to another entity of the federation
 * (Entity Configuration Hosting draft -00, "Ensuring Entity Identifier Uniqueness"). As far as this deployment knows: under
 * none of its other authorities, and under no superior elsewhere that its resolvers have seen. It is the same entity when
 * one of the keys is the same.
 * @throws Refusal already_exists
 */
export async function expectUnassigned(call: Call, authorityId: string, entityId: string, jwks: JwkSet): Promise<void> {
  const { db } = call.store;
  const authorities = await db.select({ id: authority.id, slug: authority.slug, entityId: authority.entityId }).from(authority);
  if (authorities.some((one) => samePlace(one.entityId, entityId))) throw new Refusal('already_exists', 'this identifier is an authority of this deployment');
  const members = await db
    .select({ authorityId: member.authorityId, jwks: member.jwks })
    .from(member)
    .where(
      and(
        or(eq(member.spelling, homeOf(entityId)), and(isNull(member.spelling), eq(member.entityId, entityId), inArray(member.authorityId, ids(authorities)))),
        sql`+${member.authorityId} <> ${authorityId}`,
        inArray(member.state, ASSIGNED),
      ),
    );
  for (const other of members)
    if (!(await shareKey(jwks, other.jwks))) {
      const slug = authorities.find(({ id }) => id === other.authorityId)?.slug;
      throw new Refusal('already_exists', `this identifier is assigned under the authority ${slug} already, to an entity with other keys`);
    }
  const elsewhere = await seenUnder(call, authorities, entityId);
  if (elsewhere !== undefined && !(await resolvesWith(call, authorities, entityId, jwks)))
    throw new Refusal('already_exists', `this identifier is assigned under ${elsewhere} already, to an entity that is not known to have these keys`);
}

type Authorities = readonly { readonly id: string; readonly entityId: string }[];
const ids = (authorities: Authorities, but?: string) => authorities.map(({ id }) => id).filter((id) => id !== but);

/** A superior outside this deployment that lists the identifier, or through which it resolves. */
async function seenUnder({ store: { db } }: Call, authorities: Authorities, entityId: string): Promise<string | undefined> {
  const ours = authorities.map((one) => one.entityId);
  const listed = await db
    .select({ superior: crawlEntity.superior })
    .from(crawlEntity)
    .where(and(eq(crawlEntity.entityId, entityId), isNotNull(crawlEntity.superior)));
  const resolved = await db
    .select({ path: snapshot.path })
    .from(snapshot)
    .where(and(inArray(snapshot.authorityId, ids(authorities)), eq(snapshot.subject, entityId), eq(snapshot.state, 'valid')));
  return [...listed.map(({ superior }) => superior), ...resolved.map(({ path }) => path[1])].find((one): one is string => !!one && !ours.includes(one));
}

/** Do our resolvers know the identifier with one of these keys? By what its superior vouches for in a stored resolve response. */
async function resolvesWith({ store: { db } }: Call, authorities: Authorities, entityId: string, jwks: JwkSet): Promise<boolean> {
  const answers = await db
    .select({ bytes: artefact.bytes })
    .from(artefact)
    .where(and(inArray(artefact.authorityId, ids(authorities)), eq(artefact.kind, 'resolve'), eq(artefact.key, entityId), ne(artefact.exp, 0)));
  for (const { bytes } of answers) {
    const response = parseJws(bytes, 'resolve-response+jwt', bytes.length);
    const chain = response.ok ? response.value.claims['trust_chain'] : undefined;
    // Validated before we signed the response. The second statement is the superior's; anybody lists what keys he likes in his own.
    const above = Array.isArray(chain) ? parseJws(chain[1], 'entity-statement+jwt') : undefined;
    const found = above?.ok ? (above.value.claims['jwks'] as JwkSet | undefined) : undefined;
    if (found && (await shareKey(jwks, found))) return true;
  }
  return false;
}

/**
 * What has to hold before a statement says that a configuration is elsewhere than at its well-known URL. On the identifier's
 * own host it shows by itself whose it is.
 * @param set whether the place is being set now; what was allowed once stays
 * @throws Refusal already_exists, invalid_request
 */
export async function expectLocatable(
  call: Call,
  row: Pick<MemberRow, 'authorityId' | 'entityId' | 'jwks' | 'ecLocation' | 'domainControl'>,
  set: boolean,
): Promise<void> {
  if (!set || row.ecLocation === null || onOwnHost(row.entityId, row.ecLocation)) return;
  await expectUnassigned(call, row.authorityId, row.entityId, row.jwks);
  if (!row.domainControl) throw new Refusal('invalid_request', DOMAIN_CONTROL_NEEDED);
}
