import { and, asc, eq, gt, or } from 'drizzle-orm';
import type { Database } from '../../store/database.js';
import { inLot, readByList } from '../../store/lots.js';
import { type ApprovalRow, approvalsOf, type ProposalRow } from '../../store/proposals.js';
import { authority, person, type PROPOSAL_STATES, proposal } from '../../store/schema.js';
import { type Call, DEPLOYMENT, may } from '../call.js';
import type { Permission } from '../permissions.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { proposalEnd } from './proposal-end.js';
import { standingOf } from './stands.js';

/** What each kind of decision takes of the persons who make it. */
export const PERMISSION_FOR: Readonly<Record<ProposalRow['kind'], Permission>> = {
  application: 'approve',
  resume: 'approve',
  widening: 'approve',
  policy: 'approve',
  role: 'administer',
  person_key: 'administer',
  quorum: 'administer',
  binding: 'administer',
  settings: 'administer',
  anchor: 'administer',
  mark: 'approve',
  mark_type: 'administer',
  delegation: 'administer',
  admission: 'administer',
  agents: 'administer',
};

export interface ShownProposal extends ProposalRow {
  /** Slug; null: of the deployment. */
  readonly authority: string | null;
  readonly approvals: readonly (ApprovalRow & { readonly name: string | null })[];
  /** Is it still what was approved first? An edit since voids it. */
  readonly current: boolean;
  /** Until when somebody may be the second person. */
  readonly expiresAt: number;
  /** The caller may be the second person. */
  readonly forMe: boolean;
}

/** Where a proposal belongs: slug, or null for the deployment. */
async function slugOf(db: Database, { authorityId }: ProposalRow): Promise<string | null> {
  if (authorityId === DEPLOYMENT) return null;
  const [row] = await db.select({ slug: authority.slug }).from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (!row) throw new Refusal('not_found', 'there is no such approval');
  return row.slug;
}

/** Affairs of the deployment are read by whoever decides them. */
const mayRead = (call: Call, slug: string | null): boolean => may(call, slug === null ? 'administer' : 'read', slug);

/** @throws Refusal not_found, also for what belongs to an authority that the caller may not read */
export async function findProposal(call: Call, id: string): Promise<ProposalRow & { readonly authority: string | null }> {
  const { db } = call.store;
  const [row] = await db.select().from(proposal).where(eq(proposal.id, id)).limit(1);
  const slug = row && (await slugOf(db, row));
  if (!row || slug === undefined || !mayRead(call, slug)) throw new Refusal('not_found', 'there is no such approval');
  return { ...row, authority: slug };
}

async function shown(call: Call, row: ProposalRow & { readonly authority: string | null }): Promise<ShownProposal> {
  const { db } = call.store;
  const given = await approvalsOf(db, row.id);
  const people = await readByList(
    given.map(({ personId }) => personId),
    (lot) => db.select({ id: person.id, name: person.name }).from(person).where(inLot(person.id, lot)),
  );
  const names = new Map(people.map(({ id, name }) => [id, name]));
  const { current, barred } = row.state === 'open' ? await standingOf(call, row) : { current: false, barred: [] };
  const me = call.actor.kind === 'person' ? call.actor.id : undefined;
  const spoke = given.some(({ personId }) => personId === me);
  return {
    ...row,
    approvals: given.map((one) => ({ ...one, name: names.get(one.personId) ?? null })),
    current,
    expiresAt: proposalEnd(call, row),
    forMe: current && me !== undefined && !spoke && !barred.includes(me) && may(call, PERMISSION_FOR[row.kind], row.authority),
  };
}

export const showProposal = async (call: Call, id: string): Promise<ShownProposal> => shown(call, await findProposal(call, id));

export interface ProposalFilter extends PageRequest {
  readonly state: (typeof PROPOSAL_STATES)[number];
  readonly forMe: boolean;
}

/** What waits for a second person, oldest first, of the authorities that the caller may read. */
export async function listProposals(call: Call, { limit, cursor, state, forMe }: ProposalFilter): Promise<Page<ShownProposal>> {
  const { db } = call.store;
  const [from] = cursor === undefined ? [] : await db.select().from(proposal).where(eq(proposal.id, cursor)).limit(1);
  if (cursor !== undefined && !from) throw new Refusal('invalid_request', 'the cursor is not one of ours; begin again');
  const after = from && or(gt(proposal.createdAt, from.createdAt), and(eq(proposal.createdAt, from.createdAt), gt(proposal.id, from.id)));
  const rows = await db
    .select()
    .from(proposal)
    .where(and(eq(proposal.state, state), after))
    .orderBy(asc(proposal.createdAt), asc(proposal.id))
    .limit(limit + 1);
  const found = page(rows, limit, ({ id }) => id);
  const slugs = new Map((await db.select({ id: authority.id, slug: authority.slug }).from(authority)).map(({ id, slug }) => [id, slug]));
  const items: ShownProposal[] = [];
  for (const row of found.items) {
    const slug = row.authorityId === DEPLOYMENT ? null : slugs.get(row.authorityId);
    if (slug === undefined || !mayRead(call, slug)) continue;
    const one = await shown(call, { ...row, authority: slug });
    if (!forMe || one.forMe) items.push(one);
  }
  return { items, next: found.next };
}
