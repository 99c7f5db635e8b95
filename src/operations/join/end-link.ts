import { eq } from 'drizzle-orm';
import type { JoinLinkRow } from '../../store/applications.js';
import { joinLink } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { findAuthority } from '../registry.js';
import { findLink } from './find-link.js';

export interface EndedLink {
  readonly row: JoinLinkRow;
  /** It had ended before. */
  readonly already: boolean;
}

/** End a link: nobody applies by it any more; who has applied has. @throws Refusal permission_denied, not_found */
export async function endLink(call: Call<EndedLink>, slug: string, id: string, reason: string | undefined): Promise<EndedLink> {
  allow(call, 'cut', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  return change<EndedLink>(call, {
    authorityId: authority.id,
    scope: id,
    urgent: true,
    async decide() {
      const row = await findLink(db, authority.id, id);
      if (row.endedAt !== null) return { events: [], statements: [], result: { row, already: true } };
      const endedAt = call.now();
      return {
        events: [{ type: 'join_link.ended', subjectKind: 'join_link', subjectId: row.id, reason, detail: { used: row.used } }],
        statements: [db.update(joinLink).set({ endedAt }).where(eq(joinLink.id, row.id))],
        result: { row: { ...row, endedAt }, already: false },
      };
    },
  });
}
