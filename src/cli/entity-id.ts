import { isEntityId, parseEntityId } from '../federation/entry.js';
import { CliError } from './client.js';

/** A loopback `http` identifier: one of the user's own machine, typed by himself, and the only one that means development. */
export const isLoopbackId = (text: string): boolean => isEntityId(text, { development: true }) && !isEntityId(text);

/** What is no Entity Identifier is told before anything is fetched (OpenID Federation 1.0 §1.2). @throws CliError */
export function expectEntityId(text: string): void {
  const id = parseEntityId(text, { development: true });
  if (!id.ok) throw new CliError(2, `this is no entity identifier: ${id.findings[0]?.detail ?? ''}`, id.findings, 'entity_id_invalid');
}
