import { REVOCATION_REASONS, type RevocationReason } from '../federation/entry.js';

/** The last row of the table of edit distances between two texts. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, n) => n);
  for (const [n, char] of [...one].entries()) {
    const next = [n + 1];
    for (let at = 0; at < other.length; at++) next.push(Math.min((next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1, (row[at] ?? 0) + (char === other[at] ? 0 : 1)));
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The reasons of OpenID Federation 1.0 §8.7.3, spelled exactly: whoever reads them acts on the exact text. */
export const isRevocationReason = (text: string): text is RevocationReason => (REVOCATION_REASONS as readonly string[]).includes(text);

/** Why a text is no reason, with the one that was probably meant. */
export function explainReason(text: string): string {
  const said = text.slice(0, 60);
  const plain = said.toLowerCase().replace(/[^a-z]/g, '');
  const meant = REVOCATION_REASONS.find((one) => distance(plain, one) <= 2 || plain.includes(one.slice(0, -2)));
  return `"${said}" is no reason for a revocation${meant ? `; did you mean "${meant}"?` : ''} The reasons are ${REVOCATION_REASONS.join(', ')}`.replace(
    /([^?]) The reasons/,
    '$1. The reasons',
  );
}

/**
 * Whether a revoked key's reason may be said anew. `compromised` may be learned later of any key; it is never taken back:
 * relying parties believe the historical keys, and what a thief signed would count again.
 */
export const mayBecome = (before: string | null, reason: RevocationReason): boolean => before !== 'compromised' || reason === 'compromised';
