import { and, eq, inArray, or } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { forgetStateReason } from './member-rows.js';
import { proposal } from './schema.js';

/** An event whose words are erased. */
export interface ErasedWords {
  readonly chain: string;
  readonly subjectId: string;
  readonly actorId: string;
  /** The approval that it came out of. */
  readonly approval: string | undefined;
  /** In the words of a person. */
  readonly reason: string | undefined;
  /** How a key was compared with whoever has it: a telephone number, perhaps. */
  readonly confirmed?: { readonly thumbprint: string; readonly channel: string } | undefined;
  /** How somebody who is named there is called, and reached. */
  readonly named?: readonly string[] | undefined;
}

/** Where else the reason of an event stands: with what it happened to. */
const COPIES = [
  ['authority', 'state_reason', 'id = ?'],
  ['organization', 'state_reason', 'id = ?'],
  ['trust_mark_grant', 'reason', '(id = ? OR member_id = ?)'],
  ['trust_mark', 'reason', '(grant_id = ? OR member_id = ?)'],
  ['barred_identifier', 'reason', 'member_id = ?'],
  ['accreditation', 'withdrawn_reason', 'id = ?'],
] as const;

/**
 * Take the words of an event away wherever they were copied to: the state of what it happened to, what two persons were asked
 * and said about it, answers that are remembered for repeated requests. What stands in a record itself is changed there.
 */
export async function eraseCopies(
  db: Database,
  { chain, subjectId, actorId, approval: decision, reason, confirmed, named = [] }: ErasedWords,
  now: number,
): Promise<Statement[]> {
  const rows = await db
    .select()
    .from(proposal)
    .where(or(inArray(proposal.id, [subjectId, decision ?? subjectId]), and(eq(proposal.subjectId, subjectId), eq(proposal.authorityId, chain))));
  const about = rows.filter(({ id, request, content }) => id === subjectId || id === decision || holds([request, content], reason));
  return [
    ...(reason === undefined ? [] : words(subjectId, reason)),
    ...(confirmed ? channelOf(subjectId, confirmed) : []),
    ...named.flatMap((one) => answersWith(subjectId, one)),
    // The note about a link stands in the link as well.
    ...(subjectId.startsWith('jnl_') ? [raw('UPDATE join_link SET note = NULL WHERE id = ? AND authority_id = ?', subjectId, chain)] : []),
    ...about.map(({ id, request, content, state }) => {
      // Erased for itself it keeps nothing of what a person wrote when it was asked for, whoever decided.
      const own = id === subjectId;
      const found = holds([request, content], reason) || (own && isWorded([request, content]));
      const set = own ? { request: wordless(request), content: wordless(content) } : { request: without(request, reason), content: without(content, reason) };
      // What was to be decided is not there as it was looked at: somebody proposes it anew.
      return db
        .update(proposal)
        .set({ ...set, ...(found && state === 'open' && { state: 'void', decidedAt: now }) })
        .where(eq(proposal.id, id));
    }),
    ...about.map(({ id }) =>
      id === subjectId
        ? raw('UPDATE approval SET note = NULL WHERE proposal_id = ? AND person_id = ? AND note IS NOT NULL', id, actorId)
        : raw('UPDATE approval SET note = NULL WHERE proposal_id = ? AND note IS NOT NULL', id),
    ),
  ];
}

const words = (subjectId: string, reason: string): readonly Statement[] => [
  forgetStateReason(subjectId, reason),
  ...COPIES.map(([table, column, found]) =>
    raw(
      `UPDATE ${table} SET ${column} = NULL WHERE ${found} AND instr(${column}, ?) > 0`,
      ...(found.includes('OR') ? [subjectId, subjectId] : [subjectId]),
      reason,
    ),
  ),
  ...answersWith(subjectId, reason),
];

/** That it was compared, when and by whom stays: keys rest on that. */
const channelOf = (subjectId: string, { thumbprint, channel }: NonNullable<ErasedWords['confirmed']>): readonly Statement[] => [
  raw('UPDATE key_standing SET confirmed_channel = NULL WHERE member_id = ? AND thumbprint = ? AND confirmed_channel = ?', subjectId, thumbprint, channel),
  ...answersWith(subjectId, channel),
];

/**
 * As the answer to a repeated request is kept without the secret that it held. Short words stand in answers about others too, so
 * of them those about the same go in which they are a text, or the end of one after a colon, as copies are written.
 */
const answersWith = (subjectId: string, text: string): readonly Statement[] =>
  text.length >= UNIQUE
    ? [raw('UPDATE idempotency SET response = NULL WHERE response IS NOT NULL AND instr(response, ?) > 0', inText(text))]
    : [
        raw(
          'UPDATE idempotency SET response = NULL WHERE response IS NOT NULL AND instr(response, ?) > 0 AND (instr(response, ?) > 0 OR instr(response, ?) > 0)',
          inText(subjectId),
          JSON.stringify(text),
          `: ${inText(text)}"`,
        ),
      ];

/** Words of so many characters are nobody else's. */
const UNIQUE = 20;
const inText = (text: string): string => JSON.stringify(text).slice(1, -1);

type Json = Readonly<Record<string, unknown>>;

const holds = (value: unknown, reason: string | undefined): boolean =>
  typeof value === 'object' && value !== null ? Object.values(value).some((one) => holds(one, reason)) : says(value, reason);

/** The words themselves, or a text that tells them after a colon, or that they are part of where nobody else has them. */
const says = (value: unknown, reason: string | undefined): boolean =>
  reason !== undefined &&
  typeof value === 'string' &&
  (value === reason || value.endsWith(`: ${reason}`) || (reason.length >= UNIQUE && value.includes(reason)));

/** Is there, in what was asked for, a reason in a person's words? Lists hold none. */
const isWorded = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.entries(value).some(([name, one]) => (name === 'reason' && typeof one === 'string') || isWorded(one));

const wordless = (value: Json): Json =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([name, one]) => name !== 'reason' || typeof one !== 'string')
      .map(([name, one]) => [name, typeof one === 'object' && one !== null && !Array.isArray(one) ? wordless(one as Json) : one]),
  );

/** Holds a proposal words that can be erased, though the event about it has none? */
export async function isProposalWorded(db: Database, proposalId: string): Promise<boolean> {
  const [row] = await db.select({ request: proposal.request }).from(proposal).where(eq(proposal.id, proposalId)).limit(1);
  return row !== undefined && isWorded(row.request);
}

const without = (value: Json, reason: string | undefined): Json =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => !says(one, reason))
      .map(([name, one]) => [name, typeof one === 'object' && one !== null && !Array.isArray(one) ? without(one as Json, reason) : one]),
  );
