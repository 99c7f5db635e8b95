import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createSocket } from 'node:net';
import { serve } from '@hono/node-server';

/** Limits of the listener: the library's defaults wait a minute for headers and take any number of connections. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Of a whole request; an import of many lines is sent in several. */
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 1024;
const MAX_HEADER_BYTES = 16 * 1024;
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

/** @throws Error when the port is taken or a TLS file cannot be read */
export function listen(fetch: (request: Request) => Response | Promise<Response>, { host, port, tls }: ListenOptions): Promise<Listening> {
  const limits = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES };
  return new Promise((resolve, reject) => {
    const secure = tls && {
      createServer: createTlsServer,
      serverOptions: { ...limits, cert: pemOf('HOLDFAST_TLS_CERT', tls.cert), key: pemOf('HOLDFAST_TLS_KEY', tls.key) },
    };
    const server = serve({ fetch, hostname: host, port, ...(secure ?? { serverOptions: limits }) }, (info) =>
      resolve({ port: info.port, stop: () => stop(server as Server) }),
    ) as Server;
    server.maxConnections = MAX_CONNECTIONS;
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} on ${host} is taken; choose another with HOLDFAST_PORT`) : error),
    );
  });
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
    const probe = createSocket().once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} on ${host} is taken; choose another with HOLDFAST_METRICS_PORT`) : error),
    );
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

async function stop(server: Server): Promise<void> {
  await new Promise((done) => setTimeout(done, LINGER_MS));
  return new Promise((done) => {
    const force = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    // A connection whose last answer has gone out is idle from then on, and would be kept alive for seconds.
    const sweep = setInterval(() => server.closeIdleConnections(), LINGER_MS);
    server.close(() => {
      clearTimeout(force);
      clearInterval(sweep);
      done();
    });
    server.closeIdleConnections();
  });
}
