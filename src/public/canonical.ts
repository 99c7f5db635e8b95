import { placeOf } from '../federation/place.js';
import { queryOf } from './parameters.js';
import type { KeptAnswer } from './kept-answer.js';

/** The parameters of a question that lead to an answer, in the order of the standard's examples. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** Let the URL that is being answered lead to an answer at once the next time, for as long as what it is made of is held. */
export type Spell = (held: object, again: KeptAnswer, questions: readonly Pairs[]) => void;

const written = (pairs: Pairs, spell: (text: string) => string): string => pairs.map(([name, value]) => `${name}=${spell(value)}`).join('&');

/**
 * Is a URL spelled as it is spelled usually: these parameters alone and in this order, all escaped or none, the host as the
 * authority has it? Of an answer there are only a few such spellings, so strangers cannot fill memory, nor crowd out
 * anyone, with ever new ones.
 */
export function isCanonical(url: string, pairs: Pairs, development: boolean): boolean {
  const query = queryOf(url);
  if (query !== written(pairs, encodeURIComponent) && query !== written(pairs, String)) return false;
  const location = url.slice(0, url.length - query.length - (query ? 1 : 0));
  const begin = location.indexOf('//') + 2;
  const place = placeOf(location, development);
  if (place.startsWith('/')) return true;
  const host = place.slice(0, place.indexOf('/'));
  // A proxy that terminates TLS may send the port along.
  return location.slice(begin) === place || (location.startsWith('http:') && location.slice(begin) === `${host}:443${place.slice(host.length)}`);
}
