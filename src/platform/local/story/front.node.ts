import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Certificate } from './certificate.node.js';

/** What stands behind a public URL: a process on this machine by its port, or a text that is answered at one path. */
export type Behind = { readonly port: number } | { readonly path: string; readonly type: string; readonly text: () => Promise<string> };

export interface Front {
  /** Answer at `https://localhost:<port>`: 502 until something stands behind it. */
  open(port: number): Promise<(behind: Behind) => void>;
  close(): Promise<void>;
}

/** The https in front of every party, as a proxy is in front of a service: it says for whom it asks, and changes nothing. */
export function startFront({ cert, key }: Pick<Certificate, 'cert' | 'key'>): Front {
  const servers: Server[] = [];

  function forward(port: number, from: IncomingMessage, to: ServerResponse): void {
    const { host = '', ...headers } = from.headers;
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: from.url,
        method: from.method,
        headers: { ...headers, host, 'x-forwarded-proto': 'https', 'x-forwarded-host': host, 'x-forwarded-for': from.socket.remoteAddress ?? '' },
      },
      (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
        answer.on('error', () => to.destroy());
      },
    );
    asked.on('error', () => (to.headersSent ? to.destroy() : to.writeHead(502).end()));
    to.on('close', () => asked.destroy());
    from.pipe(asked);
  }

  async function answer(behind: Behind | undefined, from: IncomingMessage, to: ServerResponse): Promise<void> {
    if (!behind) return void to.writeHead(502).end();
    if ('port' in behind) return forward(behind.port, from, to);
    if (from.url !== behind.path) return void to.writeHead(404).end();
    to.writeHead(200, { 'content-type': behind.type }).end(await behind.text());
  }

  return {
    async open(port) {
      let behind: Behind | undefined;
      const server = createServer({ cert, key }, (from, to) => void answer(behind, from, to).catch(() => to.destroy()));
      servers.push(server);
      await new Promise<void>((listening, failed) => {
        server.once('error', failed);
        server.listen(port, 'localhost', listening);
      });
      return (now) => {
        behind = now;
      };
    },
    close: async () => {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}
