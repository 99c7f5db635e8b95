import { and, eq } from 'drizzle-orm';
import { type ErasedWords, eraseCopies, isProposalWorded } from '../../store/erase-copies.js';
import { erasePart } from '../../store/erase-event.js';
import { type JoinedEvent, joined, onPrivate, partOf, WITH_PRIVATE } from '../../store/joined-event.js';
import { event, eventPrivate } from '../../store/schema.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';

async function read(call: Call, chain: string, seq: number): Promise<JoinedEvent & { readonly words: string | undefined }> {
  const [row] = await call.store.db
    .select(WITH_PRIVATE)
    .from(event)
    .leftJoin(eventPrivate, onPrivate())
    .where(and(eq(event.authorityId, chain), eq(event.seq, seq)))
    .limit(1);
  if (!row) throw new Refusal('not_found', `there is no event ${seq}`);
  return { ...joined(row), words: partOf(row.part).reason };
}

const copiesOf = ({ type, subjectId, actorId, detail, words }: Awaited<ReturnType<typeof read>>, chain: string): ErasedWords => ({
  chain,
  subjectId,
  actorId,
  approval: typeof detail['approval'] === 'string' ? detail['approval'] : undefined,
  reason: words,
  confirmed: confirmedIn(type, detail),
  named: type === 'member.sponsored' ? [detail['name'], detail['email']].filter((one) => typeof one === 'string') : [],
});

function confirmedIn(type: string, { thumbprint, channel }: Readonly<Record<string, unknown>>): ErasedWords['confirmed'] {
  return type === 'member.key_confirmed' && typeof thumbprint === 'string' && typeof channel === 'string' ? { thumbprint, channel } : undefined;
}

export interface Erasure {
  readonly seq: number;
  /** Its private part had been erased before. */
  readonly already: boolean;
}

/**
 * Erase what is private of an event: what a person wrote, and names. The chain holds a commitment to it alone, so it verifies as
 * before; that it was erased, when and by whom, is an event itself. Its words go wherever they were copied to. What a record
 * itself says stays (a name is changed there), and backups that were made before hold what they hold.
 * @param slug null: the chain of the deployment
 * @throws Refusal not_found, wrong_state where there is nothing that can be erased
 */
export async function eraseEvent(call: Call<Erasure>, slug: string | null, seq: number, reason: string): Promise<Erasure> {
  allow(call, 'administer', slug);
  const chain = slug === null ? DEPLOYMENT : (await findAuthority(call.store.db, slug)).id;
  const done = await change<Erasure>(call, {
    authorityId: chain,
    scope: null,
    about: `event ${seq}`,
    // Whoever may ask for it by law does not wait for a clock or a disk, and a retired authority still holds people's words.
    urgent: true,
    async decide() {
      const row = await read(call, chain, seq);
      if (row.erased) return { events: [], statements: [], result: { seq, already: true } };
      if (row.format === 1 && row.reason !== null)
        throw new Refusal('wrong_state', `event ${seq} is of format 1: what was written is part of its hash, and cannot be taken out of it`);
      const own = row.privateCommitment !== null;
      if (!own && !(row.subjectKind === 'proposal' && (await isProposalWorded(call.store.db, row.subjectId))))
        throw new Refusal('wrong_state', `event ${seq} has nothing that can be erased: it holds no words and no names`);
      return {
        events: [{ type: 'event.erased', subjectKind: 'event', subjectId: String(seq), reason, detail: { seq, type: row.type } }],
        statements: [...(own ? [erasePart(chain, seq, call.actor.id)] : []), ...(await eraseCopies(call.store.db, copiesOf(row, chain), call.now()))],
        result: { seq, already: false },
      };
    },
  });
  call.store.scrub?.();
  return done;
}
