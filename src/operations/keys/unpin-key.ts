import { and, eq } from 'drizzle-orm';
import type { JwkSet, PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import type { Statement } from '../../store/database.js';
import { holdsText } from '../../store/conditions.js';
import { whilePinnedByNoOther } from '../../store/guards.js';
import { anchorPin } from '../../store/schema.js';
import type { Call } from '../call.js';
import { consequencesOf } from '../facts.js';
import type { AuthorityRow } from '../registry.js';
import { type GoneKey, type Rewritten, split } from './gone-key.js';

type AnchorRow = typeof anchorPin.$inferSelect;

/** Trust Anchors that authorities of this deployment have pinned with the text of a key in their key sets. */
export const pinsWith = ({ store: { db } }: Call, { text }: GoneKey): Promise<readonly AnchorRow[]> =>
  db.select().from(anchorPin).where(holdsText(anchorPin.jwks, text));

/**
 * A key that was compromised is no Trust Anchor's any more: what was found under the pin goes in this commit. Of an authority
 * of ours the heir is pinned in its place; a pin that is left without a key finds nothing, until a person pins another one.
 */
export async function unpinKey(call: Call, of: AuthorityRow, pin: AnchorRow, gone: GoneKey, heir: PublicJwk | undefined): Promise<Rewritten> {
  const { authorityId, entityId } = pin;
  // What cannot be read stays as it stands there: it proves nothing.
  const found = await split(pin.jwks as JwkSet, gone.thumbprint);
  if (!found?.gone.length) return { events: [], statements: [] };
  const { kept } = found;
  const added = entityId === of.entityId && heir && !kept.some((one) => sameKey(one, heir)) ? [heir] : [];
  const now = call.now();
  return {
    events: [
      {
        authorityId,
        events: [
          {
            type: 'anchor.key_compromised',
            subjectKind: 'anchor',
            subjectId: entityId,
            reasonCode: 'compromised',
            detail: { removed: found.gone.map(({ kid }) => kid), added: added.map(({ kid }) => kid) },
          },
        ],
      },
    ],
    statements: [
      call.store.db
        .update(anchorPin)
        .set({ jwks: { keys: [...kept, ...added] }, checkedAt: null, problem: null })
        .where(and(eq(anchorPin.authorityId, authorityId), eq(anchorPin.entityId, entityId))),
      ...consequencesOf(authorityId, { fact: 'anchor narrowed', trustAnchor: entityId }, now),
      ...consequencesOf(authorityId, { fact: 'anchors changed' }, now, call.dueAtOnce),
    ],
  };
}

/** Pinned meanwhile under an authority whose chain was not watched: decided again. */
export const pinnedByNoOther = (of: AuthorityRow, { text }: GoneKey, pins: readonly AnchorRow[]): Statement => whilePinnedByNoOther(of.id, text, pins);
