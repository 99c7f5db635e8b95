import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../src/cli/client.js';

/** Closes the connection of every request but the second one it gets to a path. */
async function closing() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (asked.filter((one) => one === asked.at(-1)).length === 1) request.socket.destroy();
    else response.end('{}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return { asked, client: createClient({ url: `http://127.0.0.1:${port}`, token: 'x' }) };
}

it('a connection that is closed is tried once more for what may be said twice, and for nothing else', async () => {
  const { asked, client } = await closing();
  await client.get('/a');
  await client.send('POST', '/b', {}, { 'idempotency-key': 'k' });
  await client.send('POST', '/c', 'line', {}, true);
  await expect(client.send('POST', '/d', {})).rejects.toMatchObject({ code: 'unreachable', exitCode: 3 });
  expect(asked.map((one) => one.slice(-1)).join('')).toBe('aabbccd');
});
