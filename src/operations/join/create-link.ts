import { newId, sha256 } from '../../keys/random.js';
import type { JoinLinkRow } from '../../store/applications.js';
import { insertRows } from '../../store/bulk.js';
import { deploymentUrl } from '../../store/deployment-url.js';
import { joinLink } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { newLinkSecret } from './tokens.js';

export interface NewLink {
  /** How many may apply by it. */
  readonly uses?: number | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt?: number | undefined;
  /** For the operator: whom it was given to. */
  readonly note?: string | undefined;
}

export interface CreatedLink {
  readonly row: JoinLinkRow;
  /** Told once. */
  readonly secret: string;
  /** Where the deployment answers; undefined where it was never noted. */
  readonly at: string | undefined;
}

export const MAX_USES = 1000;
const DAYS = 14;
const MAX_DAYS = 366;
const DAY = 86_400;

/** Make a link by which strangers may apply. @throws Refusal permission_denied, invalid_request */
export async function createLink(call: Call<CreatedLink>, slug: string, { uses = 1, expiresAt: asked, note }: NewLink): Promise<CreatedLink> {
  allow(call, 'enroll', slug);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const now = call.now();
  const expiresAt = asked ?? now + DAYS * DAY;
  if (expiresAt <= now) throw new Refusal('invalid_request', `expires_at: ${expiresAt} is past; give seconds since the epoch`);
  if (expiresAt > now + MAX_DAYS * DAY) throw new Refusal('invalid_request', `expires_at: a link lasts ${MAX_DAYS} days at most; make another one then`);
  if (uses < 1 || uses > MAX_USES) throw new Refusal('invalid_request', `uses: 1 to ${MAX_USES}`);
  const at = await deploymentUrl(call.store.db);
  const secret = newLinkSecret();
  const row: JoinLinkRow = {
    id: newId('jnl'),
    authorityId,
    secretSha256: await sha256(secret),
    maxUses: uses,
    used: 0,
    expiresAt,
    note: note ?? null,
    createdBy: call.actor.id,
    createdAt: now,
    endedAt: null,
  };
  return change<CreatedLink>(call, {
    authorityId,
    scope: row.id,
    decide: async () => ({
      events: [
        {
          type: 'join_link.created',
          subjectKind: 'join_link',
          subjectId: row.id,
          detail: { uses, expires_at: expiresAt, ...(note !== undefined && { note }) },
        },
      ],
      statements: [insertRows(joinLink, [row])],
      result: { row, at, secret },
    }),
  });
}
