import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { listen } from '../../src/platform/server.node.js';

/** What comes back on one connection for what is sent, up to the end of the answer's head. */
async function headOf(port: number, sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(sent);
  let got = '';
  for await (const chunk of socket) {
    got += String(chunk);
    if (got.includes('\r\n\r\n')) break;
  }
  return got;
}

it('an answer that comes before the whole request says that the connection ends (RFC 9112 §9.6)', async () => {
  const server = await listen({ fetch: () => Promise.resolve(new Response('no', { status: 401 })) }, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.stop());
  const post = 'POST /lines HTTP/1.1\r\nHost: localhost\r\n';
  for (const early of [`${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, `${post}Content-Length: 100000\r\n\r\nhello`]) {
    const head = await headOf(server.port, early);
    expect(head).toMatch(/^HTTP\/1\.1 401 /);
    expect(head).toMatch(/\r\nconnection: close\r\n/i);
  }
  for (const whole of [`${post}Content-Length: 5\r\n\r\nhello`, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'])
    expect(await headOf(server.port, whole)).toMatch(/\r\nconnection: keep-alive\r\n/i);
});
