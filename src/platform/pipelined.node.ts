import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

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
  if (outgoing.socket) return false;
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

/**
 * A request is looked at when the answers before it were taken. An answer that is made before lies in memory as often as one connection can
 * ask without reading, at whichever process makes it; and what comes after a cut, on the same connection, is answered as things are then
 * (RFC 9112 §9.3.2).
 */
export function inItsTurn(outgoing: ServerResponse, begin: () => void): void {
  if (outgoing.socket) begin();
  else outgoing.once('socket', begin);
}
