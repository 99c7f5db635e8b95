import type { Context } from 'hono';
import { parseJws } from '../federation/entry.js';
import { placeOf } from '../federation/place.js';
import { readUrl } from '../federation/read-url.js';
import { andThen, type MaybePromise, type ServedArtefact, type ServedAuthority } from '../store/published.js';
import type { CallerContext } from './caller.js';
import { type Home, page, STYLE_HASH } from './home-page.js';
import { MAX_AGE } from './serve-artefact.js';

/** What a browser is shown at a place where no endpoint is. */
export interface HomePlace {
  /** The authority whose identifier this is. */
  readonly own: ServedAuthority | undefined;
  /** Those of this host whose identifiers are other ones; only at the root of the host. */
  readonly others: readonly ServedAuthority[];
}

/** Names of at most this many others are on one page. */
const MOST_OTHERS = 200;

/** Places that have a page: the root of each host, and the identifier of each authority. */
export function homeTable(authorities: readonly ServedAuthority[], development: boolean): ReadonlyMap<string, HomePlace> {
  const table = new Map<string, HomePlace>();
  for (const authority of authorities) {
    const url = readUrl(authority.entityId);
    if (url === undefined) continue;
    const root = placeOf(`${url.origin}/`, development);
    const own = placeOf(`${url.href.replace(/\/$/, '')}/`, development);
    const at = table.get(root) ?? { own: undefined, others: [] };
    if (own === root) table.set(root, { ...at, own: at.own ?? authority });
    else {
      table.set(root, { ...at, others: [...at.others, authority].slice(0, MOST_OTHERS + 1) });
      for (const place of [own, own.slice(0, -1)]) if (!table.has(place)) table.set(place, { own: authority, others: [] });
    }
  }
  return table;
}

const HTML = /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i;
const REFUSED = /;\s*q=0(?:\.0*)?\s*(?:;|$)/i;
/** Does somebody read with a browser? Only who names HTML gets it: everything else here is for machines. */
export const wantsPage = (accept: string | null): boolean => accept?.split(',').some((one) => HTML.test(one) && !REFUSED.test(one)) ?? false;

/**
 * Strict: no script, nothing loaded from anywhere, in nobody's frame. Only the form leads somewhere, to an endpoint of this host.
 */
const HEADERS = {
  'content-security-policy': `default-src 'none'; style-src '${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  vary: 'accept',
};

/** The page: what runs here, from what is public anyway. */
export function serveHome(c: Context, { published, now, apiPage }: CallerContext, { own, others }: HomePlace): MaybePromise<Response> {
  const withheld = (own ?? others[0])?.withheld === true;
  const read: MaybePromise<ServedArtefact | undefined> = own && !withheld ? published.artefact(own.id, 'entity_configuration', '') : undefined;
  return andThen(read, (found) => {
    const home: Home = {
      entityId: own?.entityId,
      ...(withheld ? { state: 'withheld' as const } : stateOf(found, now())),
      others: others.slice(0, MOST_OTHERS).map(({ entityId }) => entityId),
      more: others.length > MOST_OTHERS,
      apiPage,
    };
    const caching = home.state === 'withheld' ? { 'cache-control': 'no-store', 'retry-after': '120' } : { 'cache-control': `public, max-age=${MAX_AGE}` };
    return c.html(page(home), home.state === 'withheld' ? 503 : 200, { ...HEADERS, ...caching });
  });
}

function stateOf(found: ServedArtefact | undefined, now: number): Pick<Home, 'state' | 'claims'> {
  if (!found || (found.cap !== null && found.cap <= now)) return { state: 'silent' };
  if (found.withheld || (found.exp !== null && found.exp <= now)) return { state: 'due' };
  const jws = parseJws(found.bytes, 'entity-statement+jwt');
  return jws.ok ? { state: 'published', claims: jws.value.claims } : { state: 'silent' };
}
