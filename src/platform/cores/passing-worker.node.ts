import type { IncomingMessage } from 'node:http';
import { ADMIN_BASE } from '../../admin/base.js';
import { createPublicApp } from '../../public/app.js';
import { type HotPath, hotPath } from '../../public/hot-path.node.js';
import { plainAnswers } from '../../public/plain-answers.node.js';
import type { Inbox } from '../../store/inbox.js';
import { seconds } from '../seconds.js';
import { openPlane, type Plane } from '../local/public-plane.node.js';
import type { PublicSettings } from '../local/serve-public.node.js';
import { createLog, logRequests, requestLines } from '../log.node.js';
import { type Counts, countRequests, countsOf } from '../request-counts.node.js';
import { isElsewhere, publicOf } from '../root.js';
import { type Listening, listen } from '../server.node.js';
import { passOnTo } from './pass-on.node.js';
import type { Door } from './private-listener.node.js';

const AWAY = 'the process that answers this is not there, or went away; what was asked for may have been carried out: look before you ask again';
/** Milliseconds. */
const COUNTS_EVERY = 1000;

/** Who authenticates is passed on, so nobody spends anything here. */
const NO_INBOX: Inbox = { spend: () => false, want: () => false };

/** A path that is another one when it is read as a URL. */
const ROUNDABOUT = /\/\.(?!well-known\/)|%2e|\\|^\/\/|^[^/]/i;
/** What asks for the status of a mark and says nothing else. */
const MARK_ALONE = /^trust_mark=[\w.-]+$/;

/** Whether it asks for something that is public, of nobody in particular, in the usual words. */
function isPublic(incoming: IncomingMessage & { readonly rawBody?: Buffer }): boolean {
  const { method, url = '', rawBody } = incoming;
  if (method === 'POST') return rawBody !== undefined && MARK_ALONE.test(rawBody.toString('latin1'));
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return false;
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  return !ROUNDABOUT.test(path) && !isElsewhere(path);
}

export interface Passing {
  readonly listening: Listening;
  /** The database is there: answer from it. Until then everything is passed on. */
  open(): Promise<void>;
  /** Another process has committed. */
  changed(): void;
  stop(): Promise<void>;
}

interface Place {
  readonly number: number;
  readonly door: Door;
  /** Told what was answered here, now and then. */
  readonly tell: ((counts: Counts) => void) | undefined;
}

/**
 * A worker beside a process that signs: it answers what is public from the database, which it only reads, and passes all else on.
 * It holds no key. Whatever is unusual about a request is passed on too, so that the answer is the same.
 */
export async function startPassing(settings: PublicSettings, { number, door, tell }: Place): Promise<Passing> {
  const log = createLog(settings.log, number);
  const lines = requestLines(log, undefined, number);
  const counting = tell && countRequests();
  let plane: Plane | undefined;
  const contextOf = () => ({
    published: (plane as Plane).current(),
    inbox: NO_INBOX,
    now: seconds,
    development: settings.development,
    apiPage: `${ADMIN_BASE}/docs`,
  });
  const publicApp = createPublicApp(contextOf);
  const told = (method: string, path: string, status: number, since: number) => {
    lines?.add(method, path, status, since);
    counting?.request(method, 'public', status, (performance.now() - since) / 1000);
  };
  const scheme = settings.tls ? 'https' : 'http';
  const tellOf = lines || counting ? told : undefined;
  const kept: HotPath = hotPath(contextOf, scheme, tellOf);
  const plain = plainAnswers(contextOf, scheme, tellOf, publicOf(publicApp));
  const away = new WeakSet<IncomingMessage>();
  const counted = async (request: Request, env?: object) => {
    const since = performance.now();
    const response = await publicApp.fetch(request, env);
    counting?.request(request.method, 'public', response.status, (performance.now() - since) / 1000);
    return response;
  };
  const logged = logRequests(lines, counting ? counted : publicApp.fetch);
  const passOn = passOnTo(door);

  const hot: HotPath = (incoming, outgoing, behind) => {
    const otherwise = () => {
      if (plane && isPublic(incoming)) behind();
      else
        passOn(incoming, outgoing, () => {
          away.add(incoming);
          behind();
        });
    };
    if (!plane || !kept(incoming, outgoing, otherwise)) otherwise();
    return true;
  };
  const fetch = async (request: Request, env?: object) => {
    const { incoming } = env as { readonly incoming: IncomingMessage };
    if (!away.has(incoming)) return logged(request, env);
    // It knows the words of everybody who might have answered, and is seldom needed.
    const { startingRoot } = await import('../starting.js');
    return startingRoot(AWAY)(request, env);
  };
  const listening = await listen({ fetch, hot, plain: (...asked) => (plane ? plain(...asked) : undefined) }, settings);
  const report = tell && counting ? async () => tell(await countsOf(counting)) : undefined;
  const timer = report && setInterval(() => void report(), COUNTS_EVERY);
  return {
    listening,
    async open() {
      plane ??= await openPlane(settings, { spends: false });
    },
    changed: () => plane?.changed(),
    async stop() {
      clearInterval(timer);
      await listening.stop();
      await report?.();
      lines?.flush();
      await plane?.close();
    },
  };
}
