import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface GivenOnLimits {
  /** Until the head of the first request is there (milliseconds). */
  readonly headMs: number;
  /** From an answer until the head of the next one is there (milliseconds). */
  readonly idleMs: number;
  /** Until a whole request is there (milliseconds). */
  readonly requestMs: number;
  /** Until somebody who does not take his answer takes some of it (milliseconds). */
  readonly stalledMs: number;
}

export interface GivenOn {
  /** A connection begins. */
  watch(socket: Socket): void;
  /** The head of a request on it is there. */
  begun(incoming: IncomingMessage, outgoing: ServerResponse): void;
  stop(): void;
}

const EVERY_MS = 1000;
/** Some two hundred of the shortest requests (bytes). */
const SLICE = 16 * 1024;

/**
 * Have a connection that an HTTP server has just been given read a slice at a time, and no more of it once it is cut. Bun reads half a
 * megabyte at once, and would make thousands of requests of it though the hundredth ends the connection.
 */
export function inSlices(socket: Socket): void {
  const readers = socket.listeners('data') as ((chunk: Buffer) => void)[];
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length && !socket.destroyed; at += SLICE) for (const read of readers) read.call(socket, chunk.subarray(at, at + SLICE));
  });
}

interface State {
  /** When what it is waited for began (`performance.now()`). */
  since: number;
  /** The last request of those that are not answered yet. */
  incoming: IncomingMessage | undefined;
  busy: number;
  answered: boolean;
  taken: number;
}

/**
 * Ends connections on which something takes too long. An HTTP server of Bun sees to that on those that it has taken itself, and not on
 * those that it was given.
 */
export function watchGivenOn({ headMs, idleMs, requestMs, stalledMs }: GivenOnLimits): GivenOn {
  const open = new Map<Socket, State>();
  const isTooLate = (socket: Socket, state: State, now: number): boolean => {
    const waited = now - state.since;
    if (state.busy === 0) return waited > (state.answered ? idleMs : headMs);
    if (state.incoming?.complete === false) return waited > requestMs;
    if (socket.bytesWritten === state.taken) return waited > stalledMs;
    state.taken = socket.bytesWritten;
    state.since = now;
    return false;
  };
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [socket, state] of open) if (isTooLate(socket, state, now)) socket.destroy();
  }, EVERY_MS).unref();
  return {
    watch(socket) {
      open.set(socket, { since: performance.now(), incoming: undefined, busy: 0, answered: false, taken: 0 });
      socket.once('close', () => open.delete(socket));
    },
    begun(incoming, outgoing) {
      const state = open.get(incoming.socket);
      if (!state) return;
      if (state.busy++ === 0) state.since = performance.now();
      state.incoming = incoming;
      outgoing.once('close', () => {
        state.busy--;
        state.answered = true;
        state.since = performance.now();
      });
    },
    stop: () => clearInterval(timer),
  };
}
