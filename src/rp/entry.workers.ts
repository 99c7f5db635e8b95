/** `holdfast/rp` on Workers, where the platform keeps private networks out of reach (docs/workers.md). */
import { perProcess } from '../outbound/budget.js';
import { safeFetch } from '../outbound/safe-fetch.workers.js';
import { type RelyingParty, relyingPartyOver, type RelyingPartySettings } from './relying-party.js';

export * from './entry.js';

/** A relying party: made once, asked with every request. @throws TypeError for anchors that are none */
export const createRelyingParty = (settings: RelyingPartySettings): RelyingParty =>
  relyingPartyOver(settings, { outbound: perProcess(safeFetch({ loopback: settings.development ?? false })) });
