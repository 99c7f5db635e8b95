import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly url: string;
  /** How many requests each of those behind it has answered. */
  readonly answered: readonly number[];
  behind(ports: readonly number[]): void;
  stop(): Promise<void>;
}

/** A balancer as stupid as they come: each request to the next of those behind it, whatever came before. */
export async function startBalancer(): Promise<Balancer> {
  let ports: readonly number[] = [];
  let turn = 0;
  const answered: number[] = [];
  const server = createServer((incoming, outgoing) => {
    const n = turn++ % ports.length;
    answered[n] = (answered[n] ?? 0) + 1;
    const { method, url, headers } = incoming;
    const onward = request({ host: '127.0.0.1', port: ports[n], method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    behind: (those) => {
      ports = those;
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
