import { and, eq, inArray, isNotNull, isNull, or } from 'drizzle-orm';
import { type JwkSet, parseJws } from '../../federation/entry.js';
import { readUrl } from '../../federation/read-url.js';
import { withinBudget } from '../../outbound/budget.js';
import { createBudget } from '../../outbound/evaluation-budget.js';
import { statedBy } from '../../resolver/stated-by.js';
import type { Statement } from '../../store/database.js';
import { whileAssignedToNoOther } from '../../store/guards.js';
import { onlyOthers } from '../../store/only.js';
import { spellingOf } from '../../federation/place.js';
import { artefact, authority, crawlEntity, member, snapshot } from '../../store/schema.js';
import { whyWithheld } from '../../store/withheld.js';
import { type Call, type Deployment, may } from '../call.js';
import type { Questions, StatedKeys } from '../explorer.js';
import { DOMAIN_CONTROL_NEEDED, onOwnHost, shareKey } from './domain-control.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { statementSource } from '../resolving/statement-source.js';

/** States in which an identifier is somebody's: a suspended member keeps it. */
const ASSIGNED = ['active', 'suspended'] as const;

/** Superiors that are asked about one identifier, and how long all of them may take (milliseconds). */
const MAX_ASKED = 8;
const ASKING_MS = 10_000;

/** The keys that superiors outside this deployment state for an identifier, each by its own verified statement (OpenID Federation 1.0 §8.1). */
export async function statedKeys(deployment: Deployment, { superiors, subject }: Questions['statedKeys']['asked']): Promise<readonly StatedKeys[]> {
  const budget = createBudget(undefined, { milliseconds: ASKING_MS });
  const source = statementSource(deployment, { outbound: withinBudget(deployment.outbound, budget) });
  const { development } = deployment;
  const asked = await Promise.all(
    superiors.slice(0, MAX_ASKED).map(async (superior) => {
      const stated = await statedBy(source, superior, subject, { now: deployment.now(), development, read: budget.read });
      return stated.ok ? [{ superior, jwks: stated.value.claims.jwks }] : [];
    }),
  );
  return asked.flat();
}

/**
 * Who states an identifier elsewhere, and with which keys. A listing is nobody's statement: whoever was crawled lists whom it
 * likes, so it is asked what it states. One that states nothing, or cannot be asked, has assigned nothing. Goes over the
 * network: before the lock.
 */
export async function assignedElsewhere(call: Call, entityId: string): Promise<readonly StatedKeys[]> {
  const { db } = call.store;
  const ours = await db.select({ id: authority.entityId }).from(authority);
  const listed = await db
    .selectDistinct({ superior: crawlEntity.superior })
    .from(crawlEntity)
    .where(and(eq(crawlEntity.entityId, entityId), isNotNull(crawlEntity.superior)));
  const superiors = listed.flatMap(({ superior }) => (superior === null || ours.some(({ id }) => id === superior) ? [] : [superior]));
  return superiors.length ? call.explorer.ask('statedKeys', { superiors, subject: entityId }) : [];
}

/**
 * An identifier whose configuration is not at its well-known URL must not be assigned to another entity of the federation
 * (Entity Configuration Hosting draft -00, "Ensuring Entity Identifier Uniqueness"). As far as this deployment knows: under
 * none of its other authorities, and under no superior elsewhere that states it. It is the same entity when one of the keys is
 * the same.
 * @param elsewhere what superiors elsewhere state, from `assignedElsewhere`
 * @returns what goes into the batch: two authorities may assign it at once
 * @throws Refusal already_exists
 */
export async function expectUnassigned(
  call: Call,
  { authorityId, entityId, jwks }: Pick<MemberRow, 'authorityId' | 'entityId' | 'jwks'>,
  elsewhere: readonly StatedKeys[],
): Promise<Statement> {
  const { db } = call.store;
  const authorities = await db.select({ id: authority.id, slug: authority.slug, entityId: authority.entityId }).from(authority);
  if (authorities.some((one) => spellingOf(one.entityId) === spellingOf(entityId)))
    throw new Refusal('already_exists', 'this identifier is an authority of this deployment');
  const members = await db
    .select({ id: member.id, v: member.v, authorityId: member.authorityId, jwks: member.jwks })
    .from(member)
    .where(
      and(
        or(
          eq(member.spelling, spellingOf(entityId)),
          and(isNull(member.spelling), eq(member.entityId, entityId), inArray(member.authorityId, ids(authorities))),
        ),
        onlyOthers(member.authorityId, authorityId),
        inArray(member.state, ASSIGNED),
      ),
    );
  for (const other of members)
    if (!(await shareKey(jwks, other.jwks))) {
      const slug = authorities.find(({ id }) => id === other.authorityId)?.slug;
      // Whose key is for other authorities does not learn which there are.
      const where = slug !== undefined && may(call, 'read', slug) ? `the authority ${slug}` : 'another authority of this deployment';
      throw new Refusal('already_exists', `this identifier is assigned under ${where} already, to an entity with other keys`);
    }
  const taken = (superior: string): Refusal =>
    new Refusal('already_exists', `this identifier is assigned under ${superior} already, to an entity that is not known to have these keys`);
  for (const { superior, jwks: stated } of elsewhere) if (!(await shareKey(jwks, stated))) throw taken(superior);
  const seen = await seenUnder(call, authorities, entityId);
  if (seen !== undefined && !(await resolvesWith(call, authorities, entityId, jwks))) throw taken(seen);
  return whileAssignedToNoOther(authorityId, spellingOf(entityId), ASSIGNED, members);
}

type Authorities = readonly { readonly id: string; readonly entityId: string }[];
const ids = (authorities: Authorities, but?: string) => authorities.map(({ id }) => id).filter((id) => id !== but);

/** A superior outside this deployment through which the identifier resolves. */
async function seenUnder({ store: { db } }: Call, authorities: Authorities, entityId: string): Promise<string | undefined> {
  const ours = authorities.map((one) => one.entityId);
  const resolved = await db
    .select({ path: snapshot.path })
    .from(snapshot)
    .where(and(inArray(snapshot.authorityId, ids(authorities)), eq(snapshot.subject, entityId), eq(snapshot.state, 'valid')));
  return resolved.map(({ path }) => path[1]).find((one): one is string => !!one && !ours.includes(one));
}

/** Do our resolvers know the identifier with one of these keys? By what its superior vouches for in a stored resolve response. */
async function resolvesWith({ store: { db } }: Call, authorities: Authorities, entityId: string, jwks: JwkSet): Promise<boolean> {
  const answers = await db
    .select({ bytes: artefact.bytes })
    .from(artefact)
    .where(and(inArray(artefact.authorityId, ids(authorities)), eq(artefact.kind, 'resolve'), eq(artefact.key, entityId), isNull(whyWithheld)));
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
 * @param elsewhere what superiors elsewhere state, where the place is elsewhere (`statedElsewhere`)
 * @returns what goes into the batch
 * @throws Refusal already_exists, invalid_request
 */
export async function expectLocatable(
  call: Call,
  row: Pick<MemberRow, 'authorityId' | 'entityId' | 'jwks' | 'ecLocation' | 'domainControl'>,
  set: boolean,
  elsewhere: readonly StatedKeys[],
): Promise<readonly Statement[]> {
  if (!set || row.ecLocation === null || onOwnHost(row.entityId, row.ecLocation)) return [];
  const unassigned = await expectUnassigned(call, row, elsewhere);
  if (!row.domainControl) throw new Refusal('invalid_request', DOMAIN_CONTROL_NEEDED);
  return [unassigned];
}

/** What `expectLocatable` wants to know of others, for a place that is being set. Before the lock. */
export const statedElsewhere = async (call: Call, entityId: string, ecLocation: string | null | undefined): Promise<readonly StatedKeys[]> =>
  typeof ecLocation !== 'string' || !readUrl(ecLocation) || onOwnHost(entityId, ecLocation) ? [] : assignedElsewhere(call, entityId);
