import { and, eq, lte } from 'drizzle-orm';
import { insertRows } from './bulk.js';
import type { Database, Statement } from './database.js';
import { approval, proposal } from './schema.js';

export type ProposalRow = typeof proposal.$inferSelect;
export type ApprovalRow = typeof approval.$inferSelect;

export const approvalsOf = (db: Database, proposalId: string): Promise<ApprovalRow[]> =>
  db.select().from(approval).where(eq(approval.proposalId, proposalId)).orderBy(approval.at);

type About = Pick<ProposalRow, 'authorityId' | 'kind' | 'subjectId'>;
const openAbout = ({ authorityId, kind, subjectId }: About) =>
  and(eq(proposal.subjectId, subjectId), eq(proposal.state, 'open'), eq(proposal.authorityId, authorityId), eq(proposal.kind, kind));

export const proposalsAbout = (db: Database, about: About): Promise<ProposalRow[]> => db.select().from(proposal).where(openAbout(about));

export const voidProposals = (db: Database, about: About, now: number): Statement =>
  db.update(proposal).set({ state: 'void', decidedAt: now }).where(openAbout(about));

/** A proposal takes the place of what was open about the same thing before: it is about another digest. */
export const putProposal = (db: Database, row: ProposalRow, now: number): readonly Statement[] => [voidProposals(db, row, now), insertRows(proposal, [row])];

export const putApproval = (row: ApprovalRow): Statement => insertRows(approval, [row]);

export const closeProposal = (db: Database, id: string, state: 'done' | 'refused', now: number): Statement =>
  db.update(proposal).set({ state, decidedAt: now }).where(eq(proposal.id, id));

/** Nobody approved these in time. */
export const sweepProposals = (db: Database, before: number, now: number): Statement =>
  db
    .update(proposal)
    .set({ state: 'void', decidedAt: now })
    .where(and(eq(proposal.state, 'open'), lte(proposal.createdAt, before)));
