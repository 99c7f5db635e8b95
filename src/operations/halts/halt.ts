import { newId } from '../../keys/random.js';
import { haltAuthority } from '../authorities/halt-authority.js';
import { type Call, DEPLOYMENT } from '../call.js';
import { haltMarkType } from '../marks/mark-types.js';
import { haltKey } from '../members/halt-key.js';
import { moveMember } from '../members/move-member.js';
import { haltEverywhere } from '../organizations/halt-everywhere.js';
import { haltOrganization } from '../organizations/halt-organization.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { actEvent } from './act-event.js';
import { type Receipt, receiptOf } from './receipt.js';
import { isEverywhere, type Target } from './target.js';
import type { CutBy } from './why.js';

export interface HaltAsked {
  readonly target: Target;
  /** Of members alone: everything else is stopped, and comes back by being resumed. */
  readonly mode: 'suspend' | 'revoke';
  readonly reason: string;
  readonly reasonCode: CutBy['reasonCode'];
  readonly publicReason?: string | undefined;
}

export interface Halted {
  /** The act, named by each of its events. */
  readonly halt: string;
  readonly level: Target['level'];
  /** Our id of what was cut; of a key its thumbprint, of a type of mark the type. */
  readonly subject: string;
  /** Whose chain has the event of the receipt: a slug; null for that of the deployment. */
  readonly authority: string | null;
  readonly already: boolean;
  /** Members cut with it, by this act. */
  readonly members: number;
  /** What whoever asked should know. */
  readonly note: string | null;
  /** Null where it could not be read after the commit, and in a repeated answer. */
  readonly receipt: Receipt | null;
}

type Done = Omit<Halted, 'receipt' | 'halt' | 'level'>;

const UNREGISTERED =
  'its row bears no registration number, so only this one was halted: look for it at the other authorities, and say its number (organization change)';

async function tell(call: Call, { authority: slug, subject }: Done, act: string): Promise<Receipt | undefined> {
  const { db } = call.store;
  const event = await actEvent(db, slug === null ? DEPLOYMENT : (await findAuthority(db, slug)).id, subject, act);
  return event && receiptOf(call, event);
}

/**
 * Cut something: one act whatever it is. One commit, which needs nothing from whoever is cut and no signature; then what is
 * answered from now on is looked up and told.
 * @throws Refusal as the cut of that level does
 */
export async function halt(call: Call<Halted>, asked: HaltAsked): Promise<Halted> {
  const { target, mode, reason, reasonCode, publicReason } = asked;
  const act = newId('hlt');
  if (mode === 'revoke' && target.level !== 'member')
    throw new Refusal(
      'invalid_request',
      `only members are revoked; ${target.level === 'authority' ? 'to end an authority for good: authority retire' : 'leave the mode out'}`,
    );
  if (publicReason !== undefined && target.level !== 'member' && target.level !== 'organization')
    throw new Refusal('invalid_request', 'a public reason is told of members: give it with a member or an organization');
  const by = { reasonCode, halt: act };
  const answering = (done: Done): Halted => ({ halt: act, level: target.level, ...done, receipt: null });
  const done = await carryOut(call, answering, asked, by);
  // It is done, whether or not it can be told.
  const receipt = await tell(call, done, act).catch(() => undefined);
  return { ...done, receipt: receipt ?? null };

  async function carryOut(of: Call<Halted>, answer: (done: Done) => Halted, { target: what }: HaltAsked, cutBy: CutBy): Promise<Halted> {
    const plain = { note: null };
    /** The answer that is remembered is that of this act, without what is looked up after the commit. */
    function through<T>(present: (result: T) => Done): { readonly call: Call<T>; readonly answered: (result: T) => Halted } {
      const { idempotency, ...rest } = of;
      const answered = (result: T) => answer(present(result));
      return { call: idempotency ? { ...rest, idempotency: { ...idempotency, render: (result: T) => idempotency.render(answered(result)) } } : rest, answered };
    }
    switch (what.level) {
      case 'member': {
        const { call: own, answered } = through(({ member, already }: Awaited<ReturnType<typeof moveMember>>) => ({
          ...plain,
          subject: member.id,
          authority: what.authority,
          already,
          members: already ? 0 : 1,
        }));
        return answered(await moveMember(own, what.authority, what.member, mode, { reason, publicReason, ...cutBy }));
      }
      case 'authority': {
        const { call: own, answered } = through(({ authority, already }: Awaited<ReturnType<typeof haltAuthority>>) => ({
          ...plain,
          subject: authority.id,
          authority: what.authority,
          already,
          members: 0,
        }));
        return answered(await haltAuthority(own, what.authority, reason, cutBy));
      }
      case 'mark_type': {
        const { call: own, answered } = through(({ trustMarkType: subject, already }: Awaited<ReturnType<typeof haltMarkType>>) => ({
          ...plain,
          subject,
          authority: what.authority,
          already: already === true,
          members: 0,
        }));
        return answered(await haltMarkType(own, what.authority, what.type, true, reason, undefined, cutBy));
      }
      case 'key': {
        const { call: own, answered } = through(({ thumbprint, members, already }: Awaited<ReturnType<typeof haltKey>>) => ({
          ...plain,
          subject: thumbprint,
          authority: what.authority ?? null,
          already,
          members: members.length,
        }));
        return answered(await haltKey(own, what, reason, cutBy));
      }
      case 'organization': {
        if (!isEverywhere(what)) {
          const slug = what.authority ?? '';
          const { call: own, answered } = through(({ organization, members, already }: Awaited<ReturnType<typeof haltOrganization>>) => ({
            ...plain,
            subject: organization.id,
            authority: slug,
            already,
            members,
          }));
          return answered(await haltOrganization(own, slug, what.organization ?? '', reason, publicReason, cutBy));
        }
        const { call: own, answered } = through(({ at, already, everywhere }: Awaited<ReturnType<typeof haltEverywhere>>) => ({
          subject: at[0]?.organization.id ?? '',
          authority: null,
          already,
          members: at.reduce((sum, one) => sum + one.members, 0),
          note: everywhere ? null : UNREGISTERED,
        }));
        return answered(await haltEverywhere(own, what, reason, { ...cutBy, publicReason }));
      }
    }
  }
}
