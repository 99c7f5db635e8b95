import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { testMember } from '../support/deployment.js';
import { run, startProcess, tempFolder } from '../support/process.js';

/** The web server of a domain, that shows what it is told to. */
async function domain(): Promise<{ readonly port: number; readonly shows: Map<string, string> }> {
  const shows = new Map<string, string>();
  const server = createServer((request, response) => {
    const body = shows.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, 'localhost', done));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, shows };
}

it('hosting and ec_location by hand: what has to be shown is said, nothing is done before, and then it is', async () => {
  const folder = tempFolder();
  const server = await startProcess(folder, { env: { HOLDFAST_DISCOVERY: 'on' } });
  const { port, shows } = await domain();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const now = Math.floor(Date.now() / 1000);
  const cli = (...args: string[]) => run(args, { ...server.env, HOLDFAST_URL: server.url });
  const elsewhere = `http://127.0.0.1:${port}/elsewhere`;

  for (const verb of ['host', 'locate']) {
    const id = `http://localhost:${port}/${verb}`;
    const rp = await testMember(id);
    const configuration = file(`${verb}.jwt`, await rp.configuration({ iat: now - 5, exp: now + 86_000, authority_hints: [server.url] }));
    expect(await cli('member', 'enroll', id, '--jwks', file(`${verb}.json`, JSON.stringify(rp.jwks)))).toMatchObject({ code: 0 });
    const statement = async () => decodeJwt(await (await fetch(`${server.url}/fetch?sub=${encodeURIComponent(id)}`)).text());
    const args = ['member', verb, id, verb === 'host' ? configuration : elsewhere];
    const without = await cli(...args);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('domain_control')]);
    const refused = await cli(...args, '--domain-control', 'well-known');
    const [, place, token] = /(http:\/\/localhost:\d+\S+) has to answer with the JSON array \["([\w-]{43})"\]/.exec(refused.stderr) ?? [];
    expect([refused.code, place], refused.stderr).toEqual([2, `http://localhost:${port}/.well-known/holdfast-domain-control.json`]);
    expect((await statement())['ec_location']).toBeUndefined();
    const path = new URL(String(place)).pathname;
    for (const wrong of [`["${'0'.repeat(43)}"]`, `{"token":"${token}"}`, `"${token}"`]) {
      shows.set(path, wrong);
      expect((await cli(...args, '--domain-control', 'well-known')).code, wrong).toBe(2);
    }
    shows.set(path, JSON.stringify(['of another authority', token]));
    expect(await cli(...args, '--domain-control', 'well-known')).toMatchObject({ code: 0, stderr: '' });
    const location = String((await statement())['ec_location']);
    if (verb === 'host') expect(await (await fetch(location)).text()).toBe(readFileSync(configuration, 'utf8'));
    else expect(location).toBe(elsewhere);
    shows.clear();
    expect((await cli('member', verb, id, '--end')).code).toBe(0);
    expect((await statement())['ec_location']).toBeUndefined();
  }
});
