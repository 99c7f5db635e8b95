import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ON_BUN } from '../store/bun-sqlite.node.js';

/** Requests of one connection that wait behind another one. */
const MAX_WAITING = 100;
const WAITING = Symbol('waiting');

/**
 * Node reads all the requests that come in one piece, some thousand, and keeps each with its answer until those before it were taken.
 * So a connection on which more wait than anybody honest sends ahead is cut (RFC 9112 §9.3.2 lets a server close at any time).
 * @returns true: it was, and nobody is to answer
 */
export function isTooFarAhead(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  // Only one that waits has no connection yet.
  if (outgoing.socket) return ON_BUN && tooManyAtOnce(outgoing.socket);
  const socket = incoming.socket as Socket & { [WAITING]?: number };
  const waiting = (socket[WAITING] ?? 0) + 1;
  socket[WAITING] = waiting;
  if (waiting > MAX_WAITING) {
    socket.destroy();
    return true;
  }
  outgoing.once('close', () => {
    socket[WAITING] = (socket[WAITING] ?? 1) - 1;
  });
  return false;
}

let last: Socket | undefined;
let inTurn = 0;

/** On Bun one that is answered at once never waits: all that came in one piece are answered, and everybody else waits for that. */
function tooManyAtOnce(socket: Socket): boolean {
  if (socket !== last) {
    last = socket;
    inTurn = 0;
    return false;
  }
  if (inTurn++ === 0)
    setImmediate(() => {
      last = undefined;
    });
  if (inTurn < MAX_WAITING) return false;
  socket.destroy();
  return true;
}
