import type { Server } from 'node:http';
import type { Socket, Server as SocketServer } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { MAX_PLAIN_HEAD, plainHeads } from '../edge/request-head.js';
import { WHOLE_BYTES } from '../public/kept-answer.js';
import type { PlainAnswers } from '../public/plain-answers.node.js';
import type { Written } from '../public/rendered.node.js';

export interface FrontLimits {
  /** Until something comes on a connection (milliseconds). */
  readonly firstMs: number;
  /** Between two requests (milliseconds). */
  readonly idleMs: number;
  /** Until somebody who does not take his answer takes some of it (milliseconds). */
  readonly stalledMs: number;
}

/** A plain head and the longest body that is read here (bytes). */
const MAX_REQUEST = MAX_PLAIN_HEAD + 8 * 1024;
const [G, P] = [0x47, 0x50];

export interface Front {
  /** Cut connections that wait for nothing: of those here all that have taken their answers. */
  closeIdle(): void;
  closeAll(): void;
}

/**
 * Stand before an HTTP server on its own port: what a connection sends is looked at first here, as one piece with one plain request in
 * it, and is answered with one write. The first other thing that comes on a connection, and all that comes after it, is read by the
 * server behind, to which the connection is given with all that has not been answered. So nothing is parsed twice, and what is
 * unusual is parsed by a parser that is made for it.
 * @param answers what is asked first
 */
export function standBefore(server: Server, answers: PlainAnswers, limits: FrontLimits): Front {
  const event = eventOf(server);
  // Its own listener: from here on it has the connections that it is given.
  const behind = server.listeners(event) as ((socket: Socket) => void)[];
  server.removeAllListeners(event);
  return standAt(server, server.keepAliveTimeout, (socket) => behind.forEach((listener) => void listener.call(server, socket)), answers, limits);
}

const eventOf = (server: SocketServer): 'secureConnection' | 'connection' => (server instanceof TlsServer ? 'secureConnection' : 'connection');

/**
 * The same with a server of its own that has the port.
 * @param keepAliveMs what the server behind says of its connections (milliseconds)
 * @param giveTo the server behind
 */
export function standAt(server: SocketServer, keepAliveMs: number, giveTo: (socket: Socket) => void, answers: PlainAnswers, limits: FrontLimits): Front {
  const read = plainHeads();
  const rest = restOfHead(keepAliveMs);
  const open = new Map<Socket, () => boolean>();

  server.on(eventOf(server), (socket: Socket) => {
    const leave = (): void => {
      open.delete(socket);
      socket.off('data', onData).off('timeout', onTimeout).off('error', onError).off('close', leave).off('drain', onDrain).off('end', onEnd);
    };
    const giveOn = (chunk: Buffer): void => {
      leave();
      socket.setTimeout(0);
      giveTo(socket);
      socket.unshift(chunk);
      socket.resume();
    };
    let first = true;
    let waiting = false;
    const asked = (chunk: Buffer): ReturnType<PlainAnswers> => {
      if (chunk.length > MAX_REQUEST || (chunk[0] !== G && chunk[0] !== P) || !server.listening) return undefined;
      const since = performance.now();
      const text = chunk.toString('latin1');
      const head = read(text);
      // With its body and nothing after it: whoever sends ahead is answered in turn by the server behind.
      return head !== undefined && head.length + head.fields['content-length'] === chunk.length ? answers(head, text.slice(head.length), since) : undefined;
    };
    const answer = (found: Written | undefined, chunk: Buffer): void => {
      if (found === undefined) return void giveOn(chunk);
      write(socket, found, rest());
      if (first) socket.setTimeout(limits.idleMs);
      first = false;
      if (!socket.writableNeedDrain) return;
      // No request is read from somebody who does not take his answers.
      socket.pause();
      socket.setTimeout(limits.stalledMs);
    };
    const onData = (chunk: Buffer): void => {
      const found = asked(chunk);
      if (!(found instanceof Promise)) return void answer(found, chunk);
      socket.pause();
      waiting = true;
      void found.then((later) => {
        waiting = false;
        if (socket.destroyed) return;
        answer(later, chunk);
        if (!socket.writableNeedDrain) socket.resume();
      });
    };
    const onDrain = (): void => {
      socket.setTimeout(limits.idleMs);
      socket.resume();
    };
    const onTimeout = (): void => {
      if (waiting) return;
      if (first) socket.end(TOO_LATE, () => socket.destroy());
      else socket.destroy();
    };
    const onError = (): void => void socket.destroy();
    const onEnd = (): void => void socket.end();
    open.set(socket, () => socket.writableLength === 0 && !waiting);
    socket.setTimeout(limits.firstMs);
    socket.on('data', onData).on('timeout', onTimeout).on('error', onError).on('close', leave).on('drain', onDrain).on('end', onEnd);
  });
  return {
    closeIdle() {
      for (const [socket, isIdle] of open) if (isIdle()) socket.destroy();
    },
    closeAll() {
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

/** As Node answers who says nothing (RFC 9110 §15.5.9). */
const TOO_LATE = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/**
 * One write of one piece costs least, and nothing is copied for it where that piece is there. An answer is made one only when it is
 * asked for twice in a second: among a million hardly any is.
 * @param added to its head by the connection: the very same text for a second
 */
function write(socket: Socket, answer: Written, added: string): void {
  const { head, body, encoding, last } = answer;
  if (last?.added === added && answer.bytes <= WHOLE_BYTES) {
    last.whole ??= wholeOf(answer, added);
    return void socket.write(last.whole);
  }
  answer.last = { added };
  if (typeof body === 'string' && encoding === 'latin1') return void socket.write(head + added + body, 'latin1');
  socket.cork();
  socket.write(head + added, 'latin1');
  if (typeof body === 'string') socket.write(body, encoding);
  else socket.write(body);
  socket.uncork();
}

/** Of its own: a piece of a shared slab would keep the slab. */
function wholeOf({ head, body, encoding, bytes }: Written, added: string): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(head.length + added.length + bytes);
  const at = whole.write(head + added, 'latin1');
  if (typeof body === 'string') whole.write(body, at, encoding);
  else whole.set(body, at);
  return whole;
}

/** What Node ends a head with. @param keepAliveTimeout milliseconds */
function restOfHead(keepAliveTimeout: number): () => string {
  const connection = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n\r\n`;
  let [second, made] = [0, ''];
  return () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) [second, made] = [now, `Date: ${new Date(now * 1000).toUTCString()}\r\n${connection}`];
    return made;
  };
}
