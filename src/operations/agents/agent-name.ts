import { endpointOf } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import { clientIdOf } from '../resolving/client-document.js';
import type { AuthorityRow, MemberRow } from '../registry.js';

/** A label of DNS: one spelling only, whatever reads it. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws Refusal invalid_request */
export function agentIdOf({ entityId }: Pick<AuthorityRow, 'entityId'>, name: string): string {
  if (!NAME.test(name)) throw new Refusal('invalid_request', 'name: 1 to 63 characters of a-z, 0-9 and -, beginning and ending with none of these -');
  return `${endpointOf(entityId, 'agents')}/${name}`;
}

/** The name of an agent; what somebody enrolled under another identifier is called by that. */
export function agentNameOf({ entityId: superior }: Pick<AuthorityRow, 'entityId'>, entityId: string): string {
  const below = `${endpointOf(superior, 'agents')}/`;
  return entityId.startsWith(below) ? entityId.slice(below.length) : entityId;
}

/** Where authorization servers without a federation read it; null for what is no client. */
export const agentClientId = ({ entityId }: Pick<AuthorityRow, 'entityId'>, { id, entityTypes }: Pick<MemberRow, 'id' | 'entityTypes'>): string | null =>
  entityTypes.includes('oauth_client') ? clientIdOf(entityId, id) : null;
