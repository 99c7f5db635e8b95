import { createServer } from 'node:http';
import { JoseFederation } from '../jose-federation.js';
import { freePort } from '../process.js';

/** That federation over HTTP on this machine: every entity is a path of one origin. */
export async function joseServer(later: (end: () => void) => void): Promise<{ readonly federation: JoseFederation; readonly origin: string }> {
  const federation = new JoseFederation(() => Math.floor(Date.now() / 1000));
  const origin = `http://localhost:${await freePort()}`;
  const server = createServer(async (request, response) => {
    const { status, type, body, etag } = await federation.answer(`${origin}${request.url}`, request.headers['if-none-match']);
    response.writeHead(status, { 'content-type': type, ...(etag !== undefined && { etag }) }).end(body);
  });
  await new Promise<void>((done) => server.listen(Number(new URL(origin).port), 'localhost', done));
  later(() => {
    server.closeAllConnections();
    server.close();
  });
  return { federation, origin };
}
