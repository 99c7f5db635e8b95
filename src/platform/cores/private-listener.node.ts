import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { newNonce } from '../../keys/random.js';
import { type Answering, closeWhenEarly, MAX_CONNECTIONS, MAX_HEADER_BYTES, passedOnFor, REQUEST_TIMEOUT_MS, stopListening } from '../server.node.js';

/** Where workers pass on what is not theirs to answer, and the word by which they are known there. */
export interface Door {
  readonly path: string;
  readonly word: string;
}

/** First of the headers of what is passed on: the word, and the address it came from. */
export const PASSED_ON = 'x-holdfast-passed-on';

/** What a path of a socket may be long (`sun_path`). */
const MAX_PATH = 100;

/** In the data folder, where nobody else may look; where it is not made yet, or its name is too long for a socket, in that of temporary files. */
function placeFor(data: string): string {
  const name = `workers-${process.pid}.sock`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\holdfast-${process.pid}-${newNonce().slice(0, 12)}`;
  const path = join(resolve(data), name);
  return path.length <= MAX_PATH && existsSync(data) ? path : join(tmpdir(), `holdfast-${newNonce().slice(0, 12)}.sock`);
}

/**
 * Listen for what the workers pass on, on a socket of this machine that only the user of this service may open (the process has
 * the umask 077). Who sent a request is what its worker says; whoever does not know the word is not answered.
 * @param encrypted the workers terminate TLS: URLs are https, as the client has them
 */
export async function listenPrivately(answering: Answering, data: string, { workers, encrypted }: { readonly workers: number; readonly encrypted: boolean }) {
  const door: Door = { path: placeFor(data), word: newNonce() };
  const behind = getRequestListener((request, env) => answering.fetch(request, env), { hostname: 'localhost' });
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 2 * MAX_HEADER_BYTES }, (incoming, outgoing) => {
    const [name, value = ''] = incoming.rawHeaders;
    const [word, from = ''] = value.split(' ');
    if (name !== PASSED_ON || word !== door.word) {
      incoming.socket.destroy();
      return;
    }
    passedOnFor.set(incoming, from);
    closeWhenEarly(incoming, outgoing);
    behind(incoming, outgoing);
  });
  server.maxConnections = (workers + 1) * MAX_CONNECTIONS;
  // Those at the other end are ours: a connection is kept until they end it.
  server.keepAliveTimeout = 0;
  if (encrypted) server.on('connection', (socket: { encrypted?: boolean }) => Object.assign(socket, { encrypted: true }));
  if (process.platform !== 'win32') {
    const remove = () => rmSync(door.path, { force: true });
    remove();
    // Also where the process ends before it has begun; it is gone when the listener has stopped.
    process.once('exit', remove);
  }
  await new Promise<void>((done, reject) => {
    server.once('error', reject).listen(door.path, () => done());
  });
  return { door, stop: () => stopListening(server) };
}
