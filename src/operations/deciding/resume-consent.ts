import type { Call } from '../call.js';
import type { AuthorityRow } from '../registry.js';
import { consent, type Consent } from './consent.js';

/** The digest of the decision that the caller looked at, and what he says about it. */
export interface Seen {
  readonly digest?: string | undefined;
  readonly note?: string | undefined;
}

/** Two persons for the end of a halt, where the quorum is 2. `v` rises with each halt, so one that came since voids the first approval. */
export const resumeConsent = (
  call: Call,
  of: AuthorityRow,
  what: { readonly id: string; readonly act: 'organization' | 'authority' | 'mark_type'; readonly v: number },
  reason: string | undefined,
  seen: Seen = {},
): Promise<Consent> =>
  consent(call, of.quorum, {
    kind: 'resume',
    subjectId: what.id,
    authority: of,
    chain: of.id,
    permission: 'approve',
    content: { resumes: what.act, v: what.v },
    request: { act: what.act, id: what.id, ...(reason !== undefined && { reason }) },
    seen: seen.digest,
    note: seen.note,
  });
