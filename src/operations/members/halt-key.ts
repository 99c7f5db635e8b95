import { calculateJwkThumbprint } from 'jose';
import { type EventsOf, HeadMoved } from '../../store/change.js';
import { whileBoundToNoOther } from '../../store/guards.js';
import { dropStandingsWith, isProposed } from '../../store/key-standing.js';
import { haltedAmong, keepHalted } from '../../store/halted-keys.js';
import { authoritiesNaming } from '../../store/status-entries.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { outstandingOfMembers } from '../halts/outstanding.js';
import { actOf, type CutBy } from '../halts/why.js';
import { hurried } from '../keys/from-custody.js';
import { membersWith } from '../keys/members-with.js';
import { patienceOf } from '../keys/patience.js';
import { takeKeys } from '../keys/take-key.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';

/** A key of members: by its RFC 7638 thumbprint, or by the name (`kid`) it has with one of them. */
export interface NamedMemberKey {
  /** Only there; else wherever it is bound. */
  readonly authority?: string | undefined;
  readonly key: string;
  readonly member?: string | undefined;
}

export interface HaltedKey {
  readonly thumbprint: string;
  /** Who had it, as they were. */
  readonly members: readonly MemberRow[];
  readonly already: boolean;
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
/** Members that an event names. */
const EXAMPLES = 5;

const HALTED = {
  event: 'member.key_halted',
  bare: 'the only key we vouched for was halted',
  unread: 'a key was halted, and the others cannot be read',
  marks: 'key halted',
  signs: true,
} as const;

/**
 * A key among those of a member, as far as they can be read.
 * @throws Refusal wrong_state where they cannot be read and it is not named by its thumbprint
 */
async function named(row: MemberRow, key: string): Promise<{ readonly thumbprint: string; readonly text: string } | undefined> {
  try {
    for (const one of row.jwks.keys) {
      const thumbprint = await calculateJwkThumbprint(one);
      if (one.kid === key || thumbprint === key) return { thumbprint, text: String(one.x ?? one.n) };
    }
  } catch {
    if (!THUMBPRINT.test(key)) throw new Refusal('wrong_state', 'the keys of that member cannot be read: name the key by its RFC 7638 thumbprint');
  }
  return undefined;
}

/** @throws Refusal invalid_request, not_found, wrong_state */
export async function keyNamed(
  { store: { db } }: Call,
  { authority: slug, member: id, key }: NamedMemberKey,
): Promise<{ readonly thumbprint: string; readonly text: string }> {
  if (id !== undefined) {
    if (slug === undefined) throw new Refusal('invalid_request', 'say at which authority that member is: authority');
    const found = await named(await findMember(db, (await findAuthority(db, slug)).id, id), key);
    if (found) return found;
  }
  if (THUMBPRINT.test(key)) return { thumbprint: key, text: key };
  throw id === undefined
    ? new Refusal('invalid_request', 'name the key by its RFC 7638 thumbprint, or by its kid and the member who has it (member)')
    : new Refusal('not_found', 'that member has no such key; see: holdfast member show');
}

/**
 * Take a key from every member that has it, in every authority of this deployment or in one, in one commit. Statements are signed
 * anew without it, or withheld where that cannot be done at once; whoever has no other key is suspended. It needs nothing from
 * the members and no signature. From then on nobody is given the key but by a person who waives `key_halted` by name.
 * @throws Refusal invalid_request, not_found, permission_denied
 */
export async function haltKey(
  asked: Call<HaltedKey>,
  named: NamedMemberKey,
  reason: string | undefined,
  { reasonCode, ...act }: CutBy = {},
): Promise<HaltedKey> {
  const call: Call<HaltedKey> = { ...asked, custody: hurried(asked.custody) };
  const { authority: slug } = named;
  allow(call, 'cut', slug ?? null);
  if (!reason) throw new Refusal('invalid_request', 'halting a key needs a reason');
  const { db } = call.store;
  const of = slug === undefined ? undefined : await findAuthority(db, slug);
  const { thumbprint, text } = await keyNamed(call, named);
  const chain = of?.id ?? DEPLOYMENT;
  const patience = patienceOf();
  return change<HaltedKey>(call, {
    authorityId: chain,
    scope: null,
    about: `key ${thumbprint}`,
    urgent: true,
    async decide(watch) {
      const having = async () => (await membersWith(call, { thumbprint, text })).filter(({ authorityId }) => of === undefined || authorityId === of.id);
      const watched = new Set((await having()).map(({ authorityId }) => authorityId));
      await Promise.all([...watched].map(watch));
      const rows = (await having()).filter(({ authorityId }) => watched.has(authorityId));
      // One lost the key meanwhile: its chain has nothing to tell.
      if ([...watched].some((id) => !rows.some(({ authorityId }) => authorityId === id))) throw new HeadMoved();
      const naming = await authoritiesNaming(db, thumbprint, of?.id);
      await Promise.all(naming.map(watch));
      const known = (await haltedAmong(db, chain, [thumbprint])).has(thumbprint);
      if (rows.length === 0 && !known && naming.length === 0 && !(await isProposed(db, thumbprint, of?.id)))
        throw new Refusal('not_found', 'no member here has that key');
      const out = await outstandingOfMembers(
        call,
        rows.map(({ id }) => id),
      );
      const taking = { ...HALTED, reason, reasonCode, detail: { ...actOf(act), ...out } };
      const taken = rows.length ? await takeKeys(call, watch, rows, thumbprint, () => taking, patience) : { events: [], statements: [] };
      const own = {
        type: 'key.halted',
        subjectKind: 'key',
        subjectId: thumbprint,
        reason,
        reasonCode,
        detail: {
          ...actOf(act),
          members: rows.length,
          examples: rows.slice(0, EXAMPLES).map(({ authorityId, entityId }) => ({ authority_id: authorityId, entity_id: entityId })),
          ...out,
          ...(rows.length === 0 && known && { already: true }),
        },
      } as const;
      // What was issued with it stands or falls by the lists of these.
      const told: readonly EventsOf[] = [...new Set([chain, ...naming])].map((authorityId) => ({ authorityId, events: [own] }));
      return {
        ...byChain(chain, [...told, ...taken.events]),
        statements: [
          // One to whom it was bound meanwhile, under an authority whose chain was not watched, loses it as well: decided again.
          ...(of === undefined ? [whileBoundToNoOther(DEPLOYMENT, thumbprint, rows)] : []),
          keepHalted({ thumbprint, authorityId: chain, haltedAt: call.now() }),
          ...taken.statements,
          dropStandingsWith(thumbprint, of?.id),
        ],
        result: { thumbprint, members: rows, already: rows.length === 0 && known },
      };
    },
  });
}
