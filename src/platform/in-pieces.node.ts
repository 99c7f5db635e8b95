import type { ServerResponse } from 'node:http';

/** Bytes that are given to a connection at once. */
const PIECE = 64 * 1024;

/** A shorter text is written together with its head (characters). */
const LONG_TEXT = 16 * 1024;

/**
 * A long text goes out as bytes. Where the system does not take all of it at once Node keeps what is left as a text, in room for three bytes a
 * character, as often as strangers ask for it and do not read.
 */
export function asBytes(outgoing: ServerResponse): void {
  const end = outgoing.end.bind(outgoing) as (...args: unknown[]) => ServerResponse;
  outgoing.end = ((body?: unknown, ...rest: unknown[]) =>
    typeof body === 'string' && body.length > LONG_TEXT && rest.length === 0 ? end(Buffer.from(body)) : end(body, ...rest)) as typeof outgoing.end;
}

/**
 * A long answer goes to a connection by TLS a piece at a time, each when the one before was taken. Node encrypts what it is given at
 * once, whoever reads slowly or not at all: a list of several megabytes would lie in memory as often as strangers ask for it. Bun copies
 * what the system does not take, by TLS or not.
 */
export function inPieces(outgoing: ServerResponse): void {
  const end = outgoing.end.bind(outgoing) as (...args: unknown[]) => ServerResponse;
  const inTurn = (body: Uint8Array, rest: readonly unknown[]): ServerResponse => {
    let at = 0;
    const more = (): void => {
      while (!outgoing.destroyed) {
        const piece = body.subarray(at, at + PIECE);
        at += piece.length;
        if (at >= body.length) return void end(piece, ...rest);
        if (!outgoing.write(piece)) return void outgoing.once('drain', more);
      }
    };
    more();
    return outgoing;
  };
  outgoing.end = ((body?: unknown, ...rest: unknown[]) =>
    body instanceof Uint8Array && body.length > PIECE && outgoing.headersSent ? inTurn(body, rest) : end(body, ...rest)) as typeof outgoing.end;
}
