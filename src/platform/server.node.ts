import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createSocket, type Socket, type Server as SocketServer } from 'node:net';
import { createServer as createTlsSocketServer } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { ON_BUN } from '../store/bun-sqlite.node.js';
import type { HotPath } from '../public/hot-path.node.js';
import type { PlainAnswers } from '../public/plain-answers.node.js';
import { ConfigError } from './config.js';
import { type Front, standAt, standBefore } from './front.node.js';
import { inSlices, watchGivenOn } from './given-on.node.js';
import { asBytes, inPieces } from './in-pieces.node.js';
import { inItsTurn, isTooFarAhead } from './pipelined.node.js';

/** Limits of the listener: the library's defaults wait a minute for headers and take any number of connections. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Of a whole request; an import of many lines is sent in several. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Of each process that listens. */
export const MAX_CONNECTIONS = 1024;
export const MAX_HEADER_BYTES = 16 * 1024;
/** On any other connection nothing is read or taken for so long at most: who never takes his answer does not hold a place for ever. */
const STALLED_MS = 300_000;
/** Of connections on which only plain requests have come: as Node closes its own, and who takes nothing of an answer is cut. */
const FRONT = { firstMs: HEADERS_TIMEOUT_MS, idleMs: 6000, stalledMs: 60_000 };
const GRACE_MS = 10_000;
/** Requests already on their way are read before the listener closes: closing drops connections that look idle. */
const LINGER_MS = 150;

export interface Listening {
  readonly port: number;
  /** Stop taking connections, let requests in flight finish for ten seconds. */
  stop(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

const SERVICE = { host: 'HOLDFAST_HOST', port: 'HOLDFAST_PORT' };
const METRICS = { host: 'HOLDFAST_METRICS_HOST', port: 'HOLDFAST_METRICS_PORT' };

/** Why nothing can listen there, with the setting that says otherwise. */
function whyNot(error: NodeJS.ErrnoException, host: string, port: number, variables: typeof SERVICE): Error {
  if (error.code === 'EADDRINUSE') return new Error(`port ${port} on ${host} is taken; choose another with ${variables.port}`);
  if (error.code === 'EACCES')
    return new Error(`this user may not listen on port ${port}; choose one above 1023 with ${variables.port}, and put a proxy in front`);
  if (['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(error.code ?? ''))
    return new ConfigError(
      `${variables.host}: ${host} is no address of this machine (${error.code}); 127.0.0.1 is this machine alone, 0.0.0.0 all its addresses`,
    );
  return error;
}

/** Requests that another process of this service has passed on, and who sent them to it. */
export const passedOnFor = new WeakMap<IncomingMessage, string>();

/** The address at the other end of the connection that a request came by. @param env what goes along with a request */
export function peerOf(env: object): string | undefined {
  const { incoming } = env as { readonly incoming?: IncomingMessage };
  return incoming && (passedOnFor.get(incoming) ?? incoming.socket.remoteAddress);
}

/** What answers a listener. */
export interface Answering {
  fetch(request: Request, env?: object): Response | Promise<Response>;
  /** Asked first. */
  hot?: HotPath | undefined;
  /** Asked before everything else, about what is plain. */
  plain?: PlainAnswers | undefined;
}

/** @throws Error when the port is taken or a TLS file cannot be read */
export function listen(answering: Answering, { host, port, tls }: ListenOptions): Promise<Listening> {
  const limits = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES };
  return new Promise((resolve, reject) => {
    const behind = getRequestListener((request, env) => answering.fetch(request, env), { hostname: host });
    const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      if (isTooFarAhead(incoming, outgoing)) return;
      if (ON_BUN && isWithoutHost(incoming, outgoing)) return;
      if (tls || ON_BUN) inPieces(outgoing);
      const rest = () => {
        closeWhenEarly(incoming, outgoing);
        asBytes(outgoing);
        behind(incoming, outgoing);
      };
      inItsTurn(outgoing, () => {
        if (!answering.hot?.(incoming, outgoing, rest)) rest();
      });
    };
    const pair = tls && { cert: pemOf('HOLDFAST_TLS_CERT', tls.cert), key: pemOf('HOLDFAST_TLS_KEY', tls.key) };
    const server = pair && !ON_BUN ? createTlsServer({ ...limits, ...pair }, answer) : createPlainServer(limits, answer);
    server.timeout = STALLED_MS;
    const plain: PlainAnswers = (...asked) => answering.plain?.(...asked);
    const { from, front } = ON_BUN ? inFrontOnBun(server, pair, plain) : { from: server, front: standBefore(server, plain, FRONT) };
    if (cluster.isWorker) closeBeyond(server, MAX_CONNECTIONS);
    else from.maxConnections = MAX_CONNECTIONS;
    from.once('error', (error: NodeJS.ErrnoException) => reject(whyNot(error, host, port, SERVICE)));
    from.listen(port, host, () => resolve({ port: (from.address() as AddressInfo).port, stop: () => stopListening(server, front, from) }));
  });
}

/** An HTTP server of Bun that listens reads requests itself, and shows nobody a connection before: there another one has the port. */
function inFrontOnBun(
  server: Server,
  pair: { readonly cert: Buffer; readonly key: Buffer } | undefined,
  plain: PlainAnswers,
): { from: SocketServer; front: Front } {
  const from = pair ? createTlsSocketServer({ ...pair, ALPNProtocols: ['http/1.1'], handshakeTimeout: HEADERS_TIMEOUT_MS }) : createSocket();
  // As an HTTPS server of Node does; whoever never begins would hold his place for ever.
  from.on('tlsClientError', (_: Error, socket: Socket) => socket.destroy());
  const given = watchGivenOn({ headMs: HEADERS_TIMEOUT_MS, idleMs: FRONT.idleMs, requestMs: REQUEST_TIMEOUT_MS, stalledMs: STALLED_MS });
  server.prependListener('request', given.begun);
  from.once('close', given.stop);
  const giveTo = (socket: Socket) => {
    given.watch(socket);
    server.emit('connection', socket);
    inSlices(socket);
  };
  return { from, front: standAt(from, server.keepAliveTimeout, giveTo, plain, FRONT) };
}

/** What Node answers (RFC 9112 §3.2), and Bun does on connections that it has taken itself. */
function isWithoutHost({ httpVersion, headers }: IncomingMessage, outgoing: ServerResponse): boolean {
  if (httpVersion !== '1.1' || headers.host !== undefined) return false;
  outgoing.writeHead(400, ['Connection', 'close']).end();
  return true;
}

/**
 * As Node does itself beyond `maxConnections`. A worker that has so many would give the connection back, though, and when all of them
 * have, it goes round among them for as long as that lasts, as fast as they and the process that started them can.
 */
function closeBeyond(server: Server, most: number): void {
  const behind = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  let open = 0;
  server.on('connection', (socket: Socket) => {
    if (open >= most) return void socket.destroy();
    open++;
    socket.once('close', () => open--);
    for (const listener of behind) listener.call(server, socket);
  });
}

const SMALL_BYTES = 64 * 1024;
const isSmall = ({ headers }: IncomingMessage): boolean => headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= SMALL_BYTES;

/**
 * Say that the connection ends when the answer comes before the whole request (RFC 9112 §9.6): what is still on its way is
 * thrown away for half a second and the connection cut then, so a client that used it for its next request would see that one
 * fail. What is small is on its way with its head, and has come by then.
 */
export function closeWhenEarly(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const writeHead = outgoing.writeHead.bind(outgoing) as (...args: unknown[]) => ServerResponse;
  outgoing.writeHead = (...args: unknown[]) => {
    if (!incoming.complete && !isSmall(incoming)) outgoing.shouldKeepAlive = false;
    return writeHead(...args);
  };
}

function pemOf(variable: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(`${variable}: cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/** @throws Error when the port of the metrics is taken: they listen last, when everything else is there */
export function expectFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createSocket().once('error', (error: NodeJS.ErrnoException) => reject(whyNot(error, host, port, METRICS)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** Take no more connections; what is in flight has ten seconds. */
export async function stopListening(server: Server, front?: Front, from: SocketServer = server): Promise<void> {
  await new Promise((done) => setTimeout(done, LINGER_MS));
  return new Promise((done) => {
    const force = setTimeout(() => {
      server.closeAllConnections();
      front?.closeAll();
    }, GRACE_MS);
    const closeIdle = () => {
      server.closeIdleConnections();
      front?.closeIdle();
    };
    // A connection whose last answer has gone out is idle from then on, and would be kept alive for seconds.
    const sweep = setInterval(closeIdle, LINGER_MS);
    from.close(() => {
      clearTimeout(force);
      clearInterval(sweep);
      done();
    });
    closeIdle();
  });
}
