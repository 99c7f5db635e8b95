import { idFrom, newId, newNonce, sha256 } from '../../keys/random.js';

/** Secrets of strangers: what they are is in the prefix, so that one is known wherever it turns up. Only their SHA-256 is kept. */
export const newLinkSecret = (): string => `hfj_${newNonce()}`;
const newApplicantToken = (): string => `hfa_${newNonce()}`;

/** What makes a request that is sent again the same one: as hard to guess as the token it stands for. */
export const IDEMPOTENCY_KEY = /^[\w-]{43,128}$/;

export interface Named {
  readonly id: string;
  readonly token: string;
}
/**
 * The id and the token of an application. With a key of the applicant's choice both come from it and the secret of the link, so
 * whoever lost the answer is given the same again, and nothing more is kept for that.
 */
export async function newApplicant(linkSecret: string, key: string | undefined): Promise<Named> {
  if (key === undefined) return { id: newId('apl'), token: newApplicantToken() };
  return { id: idFrom('apl', `application ${linkSecret} ${key}`), token: `hfa_${await sha256(`token ${linkSecret} ${key}`)}` };
}
