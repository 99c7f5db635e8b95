import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { STATUS_LIST } from '../federation/media-types.js';
import { andThen, type MaybePromise, type Published } from '../store/published.js';
import type { Spell } from './canonical.js';
import { serveArtefact } from './serve-artefact.js';

/** A Status List Token (draft-ietf-oauth-status-list-20, "Status List Request"), as it is now or, with `time`, as it was. */

interface Asked {
  readonly authorityId: string;
  readonly list: string | undefined;
  readonly parameters: URLSearchParams;
  readonly now: number;
  readonly spell: Spell;
}

const NO_LIST = 'this entity has no such status list';
/** What an answer about the past can be kept for: it never changes, and its bytes go a day later (seconds). */
const PAST_MAX_AGE = 3600;

export function serveStatusList(c: Context, published: Published, { authorityId, list, parameters, now, spell }: Asked): MaybePromise<Response> {
  if (list === undefined) return federationError(c, 'not_found', NO_LIST);
  const accept = c.req.raw.headers.get('accept');
  if (accept !== null && !accepted(accept)) return federationError(c, 'invalid_request', `this is served as ${STATUS_LIST} alone`, {}, 406);
  const times = parameters.getAll('time');
  if (times.length > 0) return past(c, published, { authorityId, list, time: times.length === 1 ? times[0] : undefined, now });
  return andThen(published.statusList(authorityId, list), (found) => {
    if (!found) return federationError(c, 'not_found', NO_LIST);
    // Nobody keeps it without asking: whoever asks with the entity tag is told in a few bytes that it is still the one.
    return serveArtefact(c, found, { now, maxAge: 0, retryAfter: 1, accepted, keep: (held, answer) => spell(held, answer, [[]]) });
  });
}

/** "Historical Resolution": what was served then, for a day; 404 for any other time. */
function past(
  c: Context,
  published: Published,
  { authorityId, list, time, now }: { authorityId: string; list: string; time: string | undefined; now: number },
): MaybePromise<Response> {
  if (time === undefined || !/^\d{1,12}$/.test(time)) return federationError(c, 'invalid_request', 'time: one time in whole seconds since the epoch');
  const at = Number(time);
  const none = () => federationError(c, 'not_found', 'no status list is on record for that time: lists are kept for a day');
  if (at > now) return none();
  return andThen(published.statusListAt(authorityId, list, at), (found) => (found ? serveArtefact(c, found, { now, maxAge: PAST_MAX_AGE }) : none()));
}

const RANGES: readonly string[] = [STATUS_LIST, 'application/*', '*/*'];
/** RFC 9110 §12.5.1: there is the JWT format alone. The most specific range that is named decides; one of weight 0 says no. */
function accepted(header: string): boolean {
  const ranges = new Map(
    header
      .slice(0, 1000)
      .split(',')
      .map((one) => {
        const [type = '', ...parameters] = one.split(';').map((part) => part.trim().toLowerCase());
        return [type, !parameters.some((part) => /^q=0(\.0*)?$/.test(part))] as const;
      }),
  );
  const named = RANGES.find((range) => ranges.has(range));
  return named !== undefined && ranges.get(named) === true;
}
