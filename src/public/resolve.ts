import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { type ErrorCode, isEntityId } from '../federation/entry.js';
import type { Inbox } from '../store/inbox.js';
import { andThen, MAX_SUBSET_TYPES, type MaybePromise, type Published, type ServedArtefact, type ServedAuthority } from '../store/published.js';
import type { Pairs } from './canonical.js';
import { MAX_TYPES } from './list.js';
import { MAX_IDENTIFIER, one } from './parameters.js';

export const MAX_ANCHORS = 10;
const RETRY_SECONDS = 10;
const RETRY_OVER_BUDGET_SECONDS = 60;

/** An answer with the questions that usually lead to it, or the error of §8.9 and why. */
export type Resolution =
  | { readonly ok: true; readonly artefact: ServedArtefact; readonly questions: readonly Pairs[] }
  | { readonly ok: false; readonly error: ErrorCode; readonly description: string; readonly unknown?: true };

const no = (error: ErrorCode, description: string): Resolution => ({ ok: false, error, description });
/** An anchor without an answer gives way to the next one; of several failures the most telling is reported. */
const TELLING: readonly ErrorCode[] = [
  'temporarily_unavailable',
  'unsupported_parameter',
  'invalid_metadata',
  'invalid_trust_chain',
  'not_found',
  'invalid_trust_anchor',
];

/**
 * Look up the stored resolve response (OpenID Federation 1.0 §8.3). Nothing is fetched or evaluated here, whoever asks:
 * a stranger's question never causes an outbound request.
 */
export function resolveFromStore(published: Published, authority: ServedAuthority, query: URLSearchParams): MaybePromise<Resolution> {
  const sub = one(query, 'sub');
  if (!sub.ok) return no('invalid_request', sub.description);
  const anchors = query.getAll('trust_anchor').filter(Boolean);
  if (anchors.length === 0) return no('invalid_request', 'the parameter trust_anchor is missing');
  if (anchors.length > MAX_ANCHORS || anchors.some((anchor) => anchor.length > MAX_IDENTIFIER))
    return no('invalid_request', `trust_anchor is given more than ${MAX_ANCHORS} times, or is too long`);
  const types = [...new Set(query.getAll('entity_type'))];
  if (types.length > MAX_TYPES || types.some((type) => type.length > MAX_IDENTIFIER))
    return no('invalid_request', `entity_type is given more than ${MAX_TYPES} times, or is too long`);
  return andThen(published.anchors(authority.id), (known) => {
    const under = (n: number, failed: readonly Resolution[]): MaybePromise<Resolution> => {
      const anchor = anchors[n];
      if (anchor === undefined) return mostTelling(failed);
      const asked =
        anchor === authority.entityId || known.includes(anchor)
          ? underAnchor(published, authority, sub.value, anchor, types)
          : no('invalid_trust_anchor', 'this resolver does not resolve under that trust anchor');
      return andThen(asked, (answer) => (answer.ok ? answer : under(n + 1, [...failed, answer])));
    };
    return under(0, []);
  });
}

function mostTelling(failed: readonly Resolution[]): Resolution {
  for (const error of TELLING) {
    const found = failed.find((one) => !one.ok && one.error === error);
    if (found) return found;
  }
  return failed[0] ?? no('not_found', 'nothing is known');
}

function underAnchor(published: Published, authority: ServedAuthority, subject: string, anchor: string, asked: readonly string[]): MaybePromise<Resolution> {
  return andThen(published.evaluation(authority.id, subject, anchor), (evaluation): MaybePromise<Resolution> => {
    if (!evaluation) return { ok: false, error: 'not_found', description: 'this resolver has not evaluated that entity', unknown: true };
    if (evaluation.state === 'unreachable') return no('temporarily_unavailable', 'the entity or one of its superiors could not be reached; it is tried again');
    if (evaluation.state === 'invalid') return no(evaluation.error, DESCRIPTIONS[evaluation.error] ?? 'the entity could not be resolved');
    const { types } = evaluation;
    const wanted = asked.length === 0 ? types : types.filter((type) => asked.includes(type));
    if (wanted.length === 0 && asked.length > 0) return no('not_found', 'the entity has none of these entity types');
    if (types.length > MAX_SUBSET_TYPES && wanted.length > 1 && wanted.length < types.length)
      return no('unsupported_parameter', 'of this entity all types can be asked for, or one; not several of them');
    const question = [['sub', subject] as const, ['trust_anchor', anchor] as const];
    const named = [...question, ...wanted.map((type) => ['entity_type', type] as const)];
    const questions = wanted.length === types.length ? [question, named] : [named];
    const stored = (some: readonly string[]) => published.resolved(authority.id, subject, anchor, some);
    return andThen(stored(wanted), (found) => {
      // What there is no room for is not stored beside the whole answer.
      if (!found && wanted.length < types.length)
        return andThen(stored(types), (whole) =>
          whole?.rests === 'gone'
            ? no('not_found', GONE)
            : whole?.rests === 'sound' && !whole.withheld
              ? no('unsupported_parameter', WHOLE_ONLY)
              : no('temporarily_unavailable', ANEW),
        );
      if (!found || found.rests === 'changed' || (found.withheld && found.rests !== 'gone')) return no('temporarily_unavailable', ANEW);
      return found.rests === 'gone' ? no('not_found', GONE) : { ok: true, artefact: found, questions };
    });
  });
}

const ANEW = 'it is being evaluated anew; try again shortly';
const GONE = 'no trust chain leads to that entity any more';
const WHOLE_ONLY = 'of this entity all types can be asked for together, and not these alone';
const DESCRIPTIONS: Partial<Record<ErrorCode, string>> = {
  invalid_trust_chain: 'no valid trust chain leads from that trust anchor to the entity',
  invalid_metadata: "the entity's metadata is not valid, or does not fit the policies above it; this resolver's operator can explain which",
  invalid_subject: 'the entity does not publish a valid entity configuration',
};

export interface Asker {
  readonly inbox: Inbox | undefined;
  readonly now: number;
  readonly development: boolean;
  /** The authenticated caller; only such a one may ask for entities not yet seen. */
  readonly caller: string | undefined;
}

/** Say why there is no answer; for an authenticated caller, note an entity not yet seen so that a job evaluates it. */
export function refuseResolution(
  c: Context,
  authority: ServedAuthority,
  query: URLSearchParams,
  { error, description, unknown }: Extract<Resolution, { ok: false }>,
  { inbox, now, development, caller }: Asker,
): MaybePromise<Response> {
  const sub = query.get('sub');
  if (unknown && caller !== undefined && inbox && isEntityId(sub, { development }))
    return andThen(inbox.want(authority.id, sub, caller, now), (noted) =>
      federationError(
        c,
        'temporarily_unavailable',
        noted ? 'the entity is being evaluated; ask again shortly' : 'too many entities are waiting to be evaluated; ask again later',
        { 'retry-after': String(noted ? RETRY_SECONDS : RETRY_OVER_BUDGET_SECONDS) },
      ),
    );
  return federationError(c, error, description, error === 'temporarily_unavailable' ? { 'retry-after': String(RETRY_SECONDS) } : {});
}
