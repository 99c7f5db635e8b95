// Where the process is found: over https with TLS_CERT and TLS_KEY (files), else over http, on this machine alone. Behind a proxy
// PUBLIC_URL says what it is called outside.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** @param {string} usual the port when PORT says none; 0: a free one */
export async function listening(usual) {
  const { PORT = usual, PUBLIC_URL, TLS_CERT, TLS_KEY } = process.env;
  const server = TLS_CERT && TLS_KEY ? createTlsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }) : createServer();
  const host = TLS_CERT ? 'localhost' : '127.0.0.1';
  await new Promise((done) => server.listen(Number(PORT), host, () => done(undefined)));
  process.on('SIGTERM', () => process.exit(0));
  return { server, url: PUBLIC_URL ?? `${TLS_CERT ? 'https' : 'http'}://${host}:${server.address().port}`, proxied: PUBLIC_URL !== undefined };
}
