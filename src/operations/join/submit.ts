import { parseEntityId, usableKeys } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { sha256 } from '../../keys/random.js';
import { eq } from 'drizzle-orm';
import { type ApplicationRow, applicationsWhere, useLink } from '../../store/applications.js';
import { insertRows } from '../../store/bulk.js';
import { type ApplicantDetails, application, type RequestedMembership } from '../../store/schema.js';
import { change, type Deployment } from '../call.js';
import { expectList } from '../entitlements/check-entitled.js';
import { registered } from '../organizations/registered.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { callOfApplicant } from './applicant.js';
import { expectOpen, findLink } from './find-link.js';
import { paceLink } from './pace.js';
import { IDEMPOTENCY_KEY, newApplicant } from './tokens.js';

export interface Submission {
  readonly linkId: string;
  readonly secret: string;
  readonly entityId: string;
  readonly requested: RequestedMembership;
  readonly details: ApplicantDetails;
  readonly message?: string | undefined;
  /** The same request, sent again, has the same one. */
  readonly key?: string | undefined;
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

/** Its register can be looked up, by which a legal body is known under other names. @throws Refusal invalid_request */
export function readOrganization(organization: ApplicantDetails['organization']): ApplicantDetails['organization'] {
  const { registrationNumber, jurisdiction } = registered({ registrationNumber: null, jurisdiction: null }, organization);
  return { legalName: organization.legalName, registrationNumber: registrationNumber ?? undefined, jurisdiction: jurisdiction ?? undefined };
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

/** The application that a request made which was sent before. @throws Refusal wrong_state where it was another one */
async function sentBefore(
  { store: { db } }: Deployment,
  id: string,
  token: string,
  { linkId, entityId }: Pick<Submission, 'linkId' | 'entityId'>,
): Promise<Submitted | undefined> {
  const [found] = await applicationsWhere(db, eq(application.id, id), 1);
  if (!found) return undefined;
  const { application: row } = found;
  if (row.joinLinkId !== linkId || row.entityId !== entityId)
    throw new Refusal('wrong_state', 'this Idempotency-Key was used for another application; choose a new one');
  return { row, token };
}

/**
 * A stranger applies. It is put on record whoever bears the identifier: nothing here looks at members, so neither the answer nor
 * the time it takes says anything about them. Whose it is decides a person (take.ts).
 * @throws Refusal not_found, join_link_ended, findings
 * @throws TooMany
 */
export async function submitApplication(
  deployment: Deployment,
  { linkId, secret, entityId, requested, details, message, key }: Submission,
): Promise<Submitted> {
  const { db } = deployment.store;
  const link = await findLink(db, undefined, linkId);
  // Who has not the secret is told what somebody is told who knows no link.
  if ((await sha256(secret)) !== link.secretSha256) throw new Refusal('not_found', 'there is no such join link');
  if (key !== undefined && !IDEMPOTENCY_KEY.test(key))
    throw new Refusal('invalid_request', 'Idempotency-Key: 43 to 128 characters of A-Z, a-z, 0-9, - and _, at random: the token comes from it');
  const { id: own, token } = await newApplicant(secret, key);
  const again = await sentBefore(deployment, own, token, { linkId, entityId });
  if (again) return again;
  expectOpen(link, deployment.now());
  await paceLink(deployment, link.id);
  const id = parseEntityId(entityId, deployment);
  if (!id.ok) throw refuseFindings(`the entity identifier ${quote(entityId)} is not valid`, id.findings);
  const asked = readRequested(requested);
  const told = { ...details, organization: readOrganization(details.organization) };
  const now = deployment.now();
  const row: ApplicationRow = {
    id: own,
    authorityId: link.authorityId,
    joinLinkId: link.id,
    entityId,
    tokenSha256: await sha256(token),
    state: 'applied',
    waitingOn: 'reviewer',
    requested: asked,
    details: told,
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
      const raced = await sentBefore(deployment, own, token, { linkId, entityId });
      if (raced) return { events: [], statements: [], result: raced };
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
