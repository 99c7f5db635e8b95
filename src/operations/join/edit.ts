import { jsonEqual } from '../../federation/strict-json.js';
import type { NewEvent } from '../../store/event.js';
import type { ApplicantDetails, RequestedMembership } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { writeMember } from '../members/write-member.js';
import { Refusal } from '../refusal.js';
import { changeOwn, type Own } from './applicant.js';
import { standsAt } from './standing.js';
import { readOrganization, readRequested, toldOf } from './submit.js';
import { becoming, putApplication } from './write-application.js';

export interface Edit {
  readonly requested: RequestedMembership;
  readonly organization?: ApplicantDetails['organization'] | undefined;
  readonly contacts?: ApplicantDetails['contacts'] | undefined;
  /** The version that the applicant saw. */
  readonly version?: number | undefined;
}

const given = <T extends object>(fields: T): Partial<T> => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;

/** @throws Refusal wrong_state */
function expectEditable(own: Own): void {
  const state = standsAt(own);
  if (state === 'applied' || (state === 'vetting' && own.application.waitingOn === 'applicant')) return;
  const why = state === 'vetting' ? 'a person is looking at it, and has asked nothing; write a message' : `it is ${state}`;
  throw new Refusal('wrong_state', `this application cannot be changed: ${why}`);
}

/**
 * An applicant changes what it asks for, fields left out stay. Where a person had taken it, its member waits in state applied
 * again: whoever approved it approved something else, and what was changed is looked at like the first time.
 * @throws Refusal not_found, wrong_state, version_conflict, findings
 */
export function editOwn(deployment: Deployment, id: string, token: string, { requested, organization: named, contacts, version }: Edit): Promise<Own> {
  const asked = given(readRequested(requested));
  const organization = named && readOrganization(named);
  return changeOwn<Own>(deployment, id, token, async (own, call) => {
    const { application: before, member } = own;
    expectEditable(own);
    if (version !== undefined && version !== before.v)
      throw new Refusal('version_conflict', `the application is at version ${before.v} now, you saw ${version}; read it again`);
    const details = details_(before.details, organization, contacts);
    const next = { requested: { ...before.requested, ...asked }, details };
    const changed = [
      ...Object.keys(toldOf(asked as RequestedMembership)),
      ...(organization && !jsonEqual(organization, before.details?.organization) ? ['organization'] : []),
      ...(contacts && !jsonEqual(contacts, before.details?.contacts) ? ['contacts'] : []),
    ];
    if (jsonEqual(JSON.parse(JSON.stringify(next)), JSON.parse(JSON.stringify({ requested: before.requested, details: before.details }))))
      return { events: [], statements: [], result: own };
    const now = call.now();
    const after = becoming(before, now, next);
    const reopened = member && before.state === 'taken' && member.state === 'vetting' ? await reopen(call.store.db, member, before.id, now) : undefined;
    return {
      events: [
        {
          type: 'application.edited',
          subjectKind: 'application',
          subjectId: id,
          detail: { entity_id: before.entityId, changed, ...toldOf(asked as RequestedMembership) },
        },
        ...(reopened?.events ?? []),
      ],
      statements: [...(reopened?.statements ?? []), putApplication(call.store.db, after)],
      result: { ...own, application: after, member: reopened?.row ?? member },
    };
  });
}

function details_(before: ApplicantDetails | null, organization: Edit['organization'], contacts: Edit['contacts']): ApplicantDetails | null {
  if (before) return { organization: organization ?? before.organization, contacts: contacts ?? before.contacts };
  return organization ? { organization, contacts: contacts ?? [] } : null;
}

async function reopen(db: Deployment['store']['db'], member: NonNullable<Own['member']>, applicationId: string, now: number) {
  const written = await writeMember(db, {
    before: member,
    after: { ...member, state: 'applied', cut: member.cut + 1, lastEditor: applicationId, updatedAt: now, v: member.v + 1 },
    decided: false,
  });
  const told: NewEvent = {
    type: 'member.sent_back',
    subjectKind: 'member',
    subjectId: member.id,
    detail: { entity_id: member.entityId, from: member.state, to: 'applied', application: applicationId },
  };
  return { ...written, events: [...written.events, told] };
}
