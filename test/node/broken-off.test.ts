import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { createJoinApp } from '../../src/join/app.js';
import { listen } from '../../src/platform/server.node.js';
import { testDeployment } from '../support/deployment.js';

it('whoever breaks off in the middle of what he sends leaves no line of an error in the log', async () => {
  const d = await testDeployment();
  const admin = createAdminApp(() => d.deployment);
  const join = createJoinApp({ deploymentOf: () => d.deployment, addressOf: () => undefined });
  const answers: Promise<Response>[] = [];
  const fetch = (request: Request, env?: object) => {
    const answer = Promise.resolve((request.url.includes('/join/') ? join : admin).fetch(request, env));
    answers.push(answer);
    return answer;
  };
  const server = await listen({ fetch }, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.stop());
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  for (const path of ['/join/v1/a-link', '/admin/v1/authorities', '/admin/v1/authorities/main/imports/x/lines']) {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    const type = path.endsWith('lines') ? 'application/x-ndjson' : 'application/json';
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${d.token}\r\nContent-Type: ${type}\r\n`;
    socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n`);
    const before = answers.length;
    await vi.waitFor(() => expect(answers.length).toBe(before + 1));
    await new Promise((done) => setTimeout(done, 20));
    socket.destroy();
  }
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([400, 400, 404]);
  expect(said.mock.calls).toEqual([]);
});
