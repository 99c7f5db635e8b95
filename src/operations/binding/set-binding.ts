import { eq } from 'drizzle-orm';
import { authority, KEY_PROOF_MODES, SECOND_CHANNEL_MODES } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { type AuthorityRow, findAuthority } from '../registry.js';

/** What an authority demands of keys. Fields left out stay. */
export interface BindingInput {
  readonly keyProof?: AuthorityRow['keyProof'] | undefined;
  readonly secondChannel?: AuthorityRow['secondChannel'] | undefined;
}

type Demands = Pick<AuthorityRow, 'keyProof' | 'secondChannel'>;
export const demandsOf = ({ keyProof, secondChannel }: Demands): Demands => ({ keyProof, secondChannel });

/** What of it lets keys in that were stopped before, in the words of the API. Pure. */
export const loosened = (before: Demands, after: Demands): readonly string[] => [
  ...(KEY_PROOF_MODES.indexOf(after.keyProof) < KEY_PROOF_MODES.indexOf(before.keyProof) ? ['key_proof'] : []),
  ...(SECOND_CHANNEL_MODES.indexOf(after.secondChannel) < SECOND_CHANNEL_MODES.indexOf(before.secondChannel) ? ['second_channel'] : []),
];

/** The demands in the words of the API: what a decision about them covers. */
export const inWords = ({ keyProof, secondChannel }: Demands) => ({ key_proof: keyProof, second_channel: secondChannel });

/**
 * Set what is demanded of keys before they are vouched for. To demand more takes one person, to demand less the quorum. What is
 * bound already stays: it is asked for again when it is decided about again.
 */
export async function setBinding(call: Call<AuthorityRow>, slug: string, input: BindingInput, seen: Seen = {}): Promise<AuthorityRow> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<AuthorityRow>(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      const set = {
        keyProof: input.keyProof ?? before.keyProof,
        secondChannel: input.secondChannel ?? before.secondChannel,
      };
      const changed = (Object.keys(set) as (keyof Demands)[]).filter((name) => set[name] !== before[name]);
      if (changed.length === 0) return { events: [], statements: [], result: before };
      const loosens = loosened(before, set);
      const [from, to] = [inWords(demandsOf(before)), inWords(set)];
      const agreed = await consent(call, loosens.length ? before.quorum : 1, {
        kind: 'binding',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, from, to, loosens },
        request: to,
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const after = { ...before, ...set, updatedAt: call.now(), v: before.v + 1 };
      return {
        events: [
          {
            type: 'authority.binding_changed',
            subjectKind: 'authority',
            subjectId: id,
            detail: { from, to, ...(loosens.length && { loosens, ...agreed.detail }) },
          },
        ],
        statements: [
          ...agreed.statements,
          db
            .update(authority)
            .set({ ...set, updatedAt: after.updatedAt, v: after.v })
            .where(eq(authority.id, id)),
        ],
        result: after,
      };
    },
  });
}
