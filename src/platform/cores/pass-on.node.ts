import { Agent, type ClientRequest, type IncomingMessage, request as ask, type ServerResponse } from 'node:http';
import { closeWhenEarly } from '../server.node.js';
import { type Door, PASSED_ON } from './private-listener.node.js';

/** What is between two ends of one connection (RFC 9110 §7.6.1), and what the other end of this one does by itself. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'expect'];

/** @param but left out as well */
function endToEnd({ rawHeaders, headers }: IncomingMessage, ...but: readonly string[]): string[] {
  const named = (headers.connection ?? '').toLowerCase().split(/[\s,]+/);
  const left = new Set([...HOP_BY_HOP, ...but, ...named]);
  // How long a body is says its sender alone: of one that nothing is said of, whoever reads next takes what is in it for requests.
  for (const name of ['content-length', 'transfer-encoding', 'host']) if (!but.includes(name)) left.delete(name);
  const kept: string[] = [];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const [name, value] = [rawHeaders[n] as string, rawHeaders[n + 1] as string];
    if (!left.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}

/** @param away answers when nobody is there who would */
export type PassOn = (incoming: IncomingMessage, outgoing: ServerResponse, away: () => void) => void;

/**
 * Hand a request to the process that signs and its answer back, both as they come, neither kept: caps, times and refusals are that
 * one's. What of the body has been read stands in `rawBody`. A client that goes away takes its question along.
 */
export function passOnTo({ path: socketPath, word }: Door): PassOn {
  const agent = new Agent({ keepAlive: true });
  return (incoming, outgoing, away) => {
    closeWhenEarly(incoming, outgoing);
    const { method, url: path = '/', socket } = incoming;
    const headers = [PASSED_ON, `${word} ${socket.remoteAddress ?? ''}`, ...endToEnd(incoming, PASSED_ON)];
    let further: ClientRequest;
    try {
      further = ask({ socketPath, agent, method, path, headers });
    } catch {
      // What Node does not send again it need not have taken.
      outgoing.writeHead(400, { connection: 'close' }).end();
      return;
    }
    let answered = false;
    further.on('response', (answer) => {
      answered = true;
      outgoing.writeHead(answer.statusCode as number, answer.statusMessage, endToEnd(answer, 'transfer-encoding'));
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    further.on('error', () => {
      // Once there is an answer nobody waits for the rest of the question.
      if (answered || outgoing.destroyed) return;
      incoming.unpipe(further);
      away();
    });
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) further.destroy();
    });
    const { rawBody } = incoming as IncomingMessage & { readonly rawBody?: Buffer };
    if (rawBody) further.end(rawBody);
    else incoming.pipe(further);
  };
}
