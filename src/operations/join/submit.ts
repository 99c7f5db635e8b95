import { parseEntityId, usableKeys } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { newId, sha256 } from '../../keys/random.js';
import { type ApplicationRow, useLink } from '../../store/applications.js';
import { insertRows } from '../../store/bulk.js';
import { type ApplicantDetails, application, type RequestedMembership } from '../../store/schema.js';
import { change, type Deployment } from '../call.js';
import { expectList } from '../entitlements/check-entitled.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { callOfApplicant } from './applicant.js';
import { expectOpen, findLink } from './find-link.js';
import { paceLink } from './pace.js';
import { newApplicantToken } from './tokens.js';

export interface Submission {
  readonly linkId: string;
  readonly secret: string;
  readonly entityId: string;
  readonly requested: RequestedMembership;
  readonly details: ApplicantDetails;
  readonly message?: string | undefined;
}
export interface Submitted {
  readonly row: ApplicationRow;
  /** The applicant's: told once. */
  readonly token: string;
}

/** What is asked for holds in itself; whether it may be given is not looked at. @throws Refusal findings */
export function readRequested(requested: RequestedMembership): RequestedMembership {
  const { jwks, entitlements, ...more } = requested;
  const keys = jwks === undefined ? undefined : usableKeys(jwks);
  if (keys && !keys.ok) throw refuseFindings('these keys cannot be bound', keys.findings);
  if (keys?.ok && keys.value.ignored.length) throw refuseFindings('not every key that was handed in could be bound', keys.value.ignored);
  return { ...more, ...(keys?.ok && { jwks: keys.value.jwks }), ...(entitlements && { entitlements: expectList(entitlements) }) };
}

/** What of it stands in the chain, which nobody erases: how much there is of each, and no word of a stranger. */
export const toldOf = ({ entityTypes, intermediate, jwks, entitlements, bundles, trustMarkTypes }: RequestedMembership) => ({
  ...(entityTypes && { entity_types: entityTypes.length }),
  ...(intermediate !== undefined && { intermediate }),
  ...(jwks && { keys: jwks.keys.length }),
  ...(entitlements && { entitlements: entitlements.length }),
  ...(bundles && { bundles: bundles.length }),
  ...(trustMarkTypes && { trust_mark_types: trustMarkTypes.length }),
});

/**
 * A stranger applies. It is put on record whoever bears the identifier: nothing here looks at members, so neither the answer nor
 * the time it takes says anything about them. Whose it is decides a person (take.ts).
 * @throws Refusal not_found, join_link_ended, findings
 * @throws TooMany
 */
export async function submitApplication(deployment: Deployment, { linkId, secret, entityId, requested, details, message }: Submission): Promise<Submitted> {
  const { db } = deployment.store;
  const link = await findLink(db, undefined, linkId);
  // Who has not the secret is told what somebody is told who knows no link.
  if ((await sha256(secret)) !== link.secretSha256) throw new Refusal('not_found', 'there is no such join link');
  expectOpen(link, deployment.now());
  await paceLink(deployment, link.id);
  const id = parseEntityId(entityId, deployment);
  if (!id.ok) throw refuseFindings(`the entity identifier ${quote(entityId)} is not valid`, id.findings);
  const asked = readRequested(requested);
  const token = newApplicantToken();
  const now = deployment.now();
  const row: ApplicationRow = {
    id: newId('apl'),
    authorityId: link.authorityId,
    joinLinkId: link.id,
    entityId,
    tokenSha256: await sha256(token),
    state: 'applied',
    waitingOn: 'reviewer',
    requested: asked,
    details,
    memberId: null,
    findings: [],
    takenBy: null,
    takenAt: null,
    submittedAt: now,
    decidedAt: null,
    readmission: false,
    updatedAt: now,
    v: 1,
  };
  return change<Submitted>(callOfApplicant<Submitted>(deployment, row.id), {
    authorityId: link.authorityId,
    // Of those that come by one link each sees how many were there before it.
    scope: link.id,
    async decide() {
      expectOpen(await findLink(db, link.authorityId, link.id), deployment.now());
      return {
        events: [
          {
            type: 'application.submitted',
            subjectKind: 'application',
            subjectId: row.id,
            reason: message,
            detail: { entity_id: entityId, join_link: link.id, ...toldOf(asked) },
          },
        ],
        statements: [useLink(link.id), insertRows(application, [row])],
        result: { row, token },
      };
    },
  });
}
