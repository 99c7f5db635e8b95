import { mediaTypes, REGISTRATION_EVENTS, registrationEvents, signRegistrationEvents } from '../../federation/entry.js';
import type { NewArtefact } from '../../store/bulk.js';
import { policyChangesOf, registrationEventsOf } from '../../store/registration-events.js';
import type { Deployment } from '../call.js';
import { artefactOf, cutOf, type Issuer } from './publish.js';

/**
 * Sign what became of a subordinate, in force or not (Federation Subordinate Events Endpoint 1.0 - draft 00). It belongs to no
 * member's row, so what takes a member's artefacts away leaves it: it is what tells of that.
 */
export async function signedEvents(deployment: Deployment, issuer: Issuer, entityId: string): Promise<NewArtefact | undefined> {
  const { authority, signer } = issuer;
  if (!authority.subordinateEvents) return undefined;
  const { db } = deployment.store;
  const own = await registrationEventsOf(db, authority.id, entityId);
  // A word that none of ours wrote is not signed: what stands here stays withheld.
  if (own.length === 0 || own.some(({ event }) => !REGISTRATION_EVENTS.includes(event))) return undefined;
  const iat = deployment.now();
  const exp = iat + authority.statementLifetime;
  const told = registrationEvents(own, await policyChangesOf(db, authority.id));
  const bytes = await signRegistrationEvents({ iss: authority.entityId, sub: entityId, iat, exp, federation_registration_events: told }, signer);
  return artefactOf(issuer, { kind: 'events', key: entityId, cut: cutOf(issuer) }, mediaTypes.ENTITY_EVENTS_STATEMENT, bytes, iat, exp);
}
