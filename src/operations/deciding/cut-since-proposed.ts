import { wasCutSince } from '../../store/cut-since.js';
import type { Database } from '../../store/database.js';
import type { ProposalRow } from '../../store/proposals.js';
import { DEPLOYMENT } from '../call.js';
import { haltedSince, type KnownHalts } from '../members/halted-since.js';

/**
 * Was what a proposal is about cut since the first person approved? He did not know of it, and a cut that found nothing left to
 * cut changes no digest (overtaken.ts). Of a role or a key: was anything taken from that person?
 * Of keys that are to be bound: was one of them halted, wherever that was?
 */
export async function cutSinceProposed(db: Database, { kind, authorityId, subjectId, content, request }: ProposalRow): Promise<boolean> {
  const personal = kind === 'role' || kind === 'person_key';
  const [chain, subjects] = personal ? [DEPLOYMENT, [String(content['person'])]] : [authorityId, kind === 'mark' ? markedWith(content) : [subjectId]];
  const halts = request['halts'] as KnownHalts | undefined;
  return (await wasCutSince(db, chain, Number(request['since']), subjects)) || (halts !== undefined && (await haltedSince(db, halts)));
}

/** A grant rests on its member and on its type; one that was withdrawn has a chain of its own. */
const markedWith = (content: ProposalRow['content']): readonly string[] => [content['member'], content['trust_mark_type'], content['grant']].map(String);
