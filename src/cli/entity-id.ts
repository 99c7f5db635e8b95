import { isEntityId, parseEntityId } from '../federation/entry.js';
import { CliError } from './client.js';

/** A loopback `http` identifier: one of the user's own machine, typed by himself, and the only one that means development. */
export const isLoopbackId = (text: string): boolean => isEntityId(text, { development: true }) && !isEntityId(text);

/** The identifier that a text is short of: its scheme left out, or in capitals. */
function meant(text: string): string | undefined {
  const mended = /^https?:\/\//i.test(text) ? text.replace(/^https?/i, (scheme) => scheme.toLowerCase()) : `https://${text}`;
  const named = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\.?(?::\d+)?(?:\/|$)/.test(text) || /^HTTPS?:\/\//i.test(text);
  return named && mended !== text && isEntityId(mended, { development: true }) ? mended : undefined;
}

/** What is no Entity Identifier is told before anything is fetched (OpenID Federation 1.0 §1.2). @throws CliError */
export function expectEntityId(text: string): void {
  const id = parseEntityId(text, { development: true });
  if (id.ok) return;
  const near = meant(text);
  throw new CliError(
    2,
    `this is no entity identifier: ${id.findings[0]?.detail ?? ''}${near === undefined ? '' : `. Did you mean ${near}?`}`,
    id.findings,
    'entity_id_invalid',
  );
}

/** A member is named by its entity identifier, or by an id of ours, which has neither dots nor colons. @throws CliError */
export function expectMember(text: string): void {
  if (/[.:/]/.test(text)) expectEntityId(text);
}
