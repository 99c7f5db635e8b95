import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { andThen, type MaybePromise, type ServedArtefact } from '../store/published.js';
import type { CallerContext } from './caller.js';
import { isCanonical, type Pairs, type Spell } from './canonical.js';
import { serveCollection } from './collection.js';
import { serveExtendedList } from './extended-list.js';
import { keptBytes } from './kept-answer.js';
import { serveList } from './list.js';
import { one } from './parameters.js';
import { refuseResolution, resolveFromStore } from './resolve.js';
import type { Route } from './routes.js';
import { CLIENT_MAX_AGE, serveArtefact, servePrivately } from './serve-artefact.js';
import { serveStatusList } from './status-list.js';
import { serveMarkedEntities, serveMarkStatus } from './trust-marks.js';

/**
 * How a request came: by GET, so that its URL may lead to the answer at once the next time; or by POST, with client
 * authentication or where the standard says POST, its answer kept by nobody.
 */
export interface Asked {
  readonly parameters: URLSearchParams;
  /** Of a GET: its URL, and what `begin` said when it came. */
  readonly url?: string;
  readonly era?: number;
  /** Of a POST to which everybody gets the same answer: its URL. */
  readonly posted?: string;
  /** Who authenticated. */
  readonly caller?: string;
}

/** Answer a request from what is stored. */
export function answer(
  c: Context,
  { published, inbox, now, development }: CallerContext,
  { authority, endpoint, seq, member, list, agent }: Route,
  { parameters, url, era, posted, caller }: Asked,
): MaybePromise<Response> {
  const time = now();
  const authenticated = caller !== undefined;
  // Where reading takes time something may have been committed since: then the way to the answer may be another one.
  const isSettled = () => published.begin() === era;
  const wasSettled = isSettled();
  /** Let this URL lead to the answer the next time, when it is spelled as usual. */
  const spell: Spell = (held, again, questions) => {
    if (wasSettled && url !== undefined && questions.some((pairs) => isCanonical(url, pairs, development))) published.spell(url, held, again, keptBytes(again));
  };
  const give = (found: ServedArtefact, questions: readonly Pairs[], maxAge?: number): Response => {
    if (url === undefined) return servePrivately(c, found, time);
    return serveArtefact(c, found, { now: time, maxAge, keep: (held, kept) => isSettled() && spell(held, kept, questions) });
  };
  const stored = (
    kind: 'entity_configuration' | 'historical_keys' | 'statement' | 'mark' | 'hosted' | 'head' | 'events',
    key: string,
    question: Pairs,
    missing: string,
  ) => andThen(published.artefact(authority.id, kind, key), (found) => (found ? give(found, [question]) : federationError(c, 'not_found', missing)));
  // A list is put together when it is asked for. A halted authority has none, not an empty one: that would be a statement.
  const listed = (list: () => MaybePromise<Response>): MaybePromise<Response> =>
    andThen(published.isActive(authority.id), (active) => (active ? list() : federationError(c, 'not_found', 'this entity lists nobody')));
  switch (endpoint) {
    case 'configuration':
      return stored('entity_configuration', '', [], 'this entity publishes no configuration');
    case 'historical_keys':
      return stored('historical_keys', '', [], 'this entity publishes no historical keys: it is halted, or none of its keys is left that could sign them');
    case 'head':
      return stored('head', '', [], 'no head has been signed yet');
    case 'checkpoint':
      return andThen(published.checkpoint(authority.id, seq), (found) =>
        found
          ? give(found, [[]])
          : federationError(c, 'not_found', seq === undefined ? 'no checkpoint has been signed yet' : `no checkpoint names event ${seq}`),
      );
    case 'audit_keys':
      return andThen(published.auditKeys(authority.id), (found) => (found ? give(found, [[]]) : federationError(c, 'not_found', 'it has no audit key yet')));
    case 'client':
      return andThen(member === undefined ? undefined : published.clientDocument(authority.id, member), (found) => {
        if (!found || found.rests === 'gone') return federationError(c, 'not_found', 'this entity vouches for no such client');
        if (found.rests === 'changed')
          return federationError(c, 'temporarily_unavailable', 'it is being evaluated anew; try again shortly', { 'retry-after': '10' });
        return give(found, [[]], CLIENT_MAX_AGE);
      });
    case 'status_list':
      return serveStatusList(c, published, { authorityId: authority.id, list, parameters, now: time, spell });
    // At the well-known URL below its identifier, which lies below ours: whoever knows nothing of hosting finds it there.
    case 'agent':
      return agent === undefined
        ? federationError(c, 'not_found', 'no entity of this deployment answers here')
        : stored('hosted', agent, [], 'there is no such agent');
    case 'list':
      return listed(() => serveList(c, published, authority, { query: parameters, now, authenticated, spell }));
    case 'extended_list':
      return listed(() => serveExtendedList(c, published, authority, parameters, { now: time, authenticated, development, spell }));
    case 'collection':
      return listed(() => serveCollection(c, published, authority, { query: parameters, now: time, authenticated, development }));
    case 'hosted': {
      const sub = one(parameters, 'sub');
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      return stored('hosted', sub.value, [['sub', sub.value]], 'this entity hosts no such configuration');
    }
    case 'fetch': {
      const sub = one(parameters, 'sub');
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      if (sub.value === authority.entityId)
        return federationError(c, 'invalid_request', 'sub is this entity itself; its configuration is at its well-known URL');
      return stored('statement', sub.value, [['sub', sub.value]], 'this entity has no such subordinate');
    }
    case 'subordinate_events': {
      const sub = one(parameters, 'sub');
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      return stored('events', sub.value, [['sub', sub.value]], 'nothing is told here of such a subordinate');
    }
    case 'resolve':
      return andThen(resolveFromStore(published, authority, parameters), (found) => {
        if (!found.ok) return refuseResolution(c, authority, parameters, found, { inbox, now: time, development, caller });
        return give(found.artefact, found.questions);
      });
    case 'trust_mark': {
      const [type, sub] = [one(parameters, 'trust_mark_type'), one(parameters, 'sub')];
      if (!type.ok) return federationError(c, 'invalid_request', type.description);
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      const question: Pairs = [
        ['trust_mark_type', type.value],
        ['sub', sub.value],
      ];
      return stored('mark', `${type.value}\n${sub.value}`, question, 'that entity has no such trust mark from this one');
    }
    case 'trust_mark_list':
      return listed(() => serveMarkedEntities(c, published, authority, parameters, now, authenticated));
    case 'trust_mark_status':
      return serveMarkStatus(c, published, authority, parameters, {
        now: time,
        posted: () => (posted !== undefined && isCanonical(posted, [], development) && isSettled() ? posted : undefined),
      });
  }
}
