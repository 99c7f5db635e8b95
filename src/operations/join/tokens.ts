import { newNonce } from '../../keys/random.js';

/** Secrets of strangers: what they are is in the prefix, so that one is known wherever it turns up. Only their SHA-256 is kept. */
export const newLinkSecret = (): string => `hfj_${newNonce()}`;
export const newApplicantToken = (): string => `hfa_${newNonce()}`;
