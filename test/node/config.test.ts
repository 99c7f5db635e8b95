import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/platform/config.js';
import { authority } from '../../src/store/schema.js';
import { groundOf, openExploring } from '../../src/platform/deployment.node.js';
import { firstStart } from '../../src/platform/first-start.js';
import { command } from '../support/node/command.js';
import { freePort, run, startProcess, tempFolder } from '../support/process.js';

const SEAL = Buffer.alloc(32, 1).toString('base64');
const config = (url: string, data = './data') => readConfig({ HOLDFAST_URL: url, HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_DATA: data });

/** Start a deployment once, as `serve` and `init` do. */
async function start(data: string, url: string, entityId?: string) {
  const given = config(url, data);
  const deployment = openExploring(await groundOf(given));
  try {
    const { notice } = await firstStart(deployment, given.url, undefined, entityId);
    const rows = await deployment.store.db.select({ entityId: authority.entityId }).from(authority);
    return { ids: rows.map((row) => row.entityId), notice };
  } finally {
    await deployment.close();
  }
}

describe('§16: an identifier is kept byte for byte or refused aloud, never changed', () => {
  it.each(['https://ta.example.org', 'https://ta.example.org/', 'https://ta.example.org/fed/', 'https://ta.example.org:8443/'])(
    '%s becomes the identifier as it is',
    async (url) => {
      const data = tempFolder();
      expect(config(url).url).toBe(url);
      expect((await start(data, url)).ids).toEqual([url]);
      expect((await start(data, url)).ids, 'and stays it').toEqual([url]);
    },
  );
  it.each(['https://TA.example.org/fed', 'https://ta.example.org:443/fed'])('%s is not made the first one: others would write it otherwise', async (url) => {
    const data = tempFolder();
    await expect(start(data, url)).rejects.toThrow('Set HOLDFAST_URL=https://ta.example.org/fed');
    await expect(start(data, 'https://ta.example.org', url)).rejects.toThrow('Set HOLDFAST_URL=https://ta.example.org/fed');
    expect((await start(data, 'https://ta.example.org')).ids, 'nothing was made').toEqual(['https://ta.example.org']);
  });
  it.each([
    ['https://ta.example.org/?x=1', 'query'],
    ['https://ta.example.org/#x', 'fragment'],
    ['https://münchen.example', 'xn--mnchen-3ya.example'],
    ['HTTPS://ta.example.org', 'scheme'],
    ['https://user:secret@ta.example.org', 'credentials'],
    ['https://ta.example.org/a/../b', 'dot segment'],
    ['https://ta.example.org/münchen', 'percent-encode'],
    [' https://ta.example.org', 'white space'],
    ['ta.example.org', 'has no scheme'],
    ['http://ta.example.org', 'neither https nor loopback'],
    ['ftp://ta.example.org', 'not https'],
  ])('%s is refused with the rule', (url, rule) => {
    expect(() => config(url)).toThrow(ConfigError);
    expect(() => config(url)).toThrow(rule);
    expect(() => config(url)).toThrow('HOLDFAST_URL');
  });
  it('a database that was made without the final slash still starts with it, and the other way round; the identifier stays', async () => {
    for (const [first, second] of [
      ['https://ta.example.org', 'https://ta.example.org/'],
      ['https://ta.example.org/', 'https://ta.example.org'],
    ] as const) {
      const data = tempFolder();
      await start(data, first);
      expect(await start(data, second)).toEqual({ ids: [first], notice: expect.stringContaining(`stays ${first}:`) });
      await expect(start(data, 'https://other.example.org')).rejects.toThrow('created for');
      await expect(start(data, first.replace('ta.', 'TA.'))).rejects.toThrow('created for');
    }
  });
  it('--entity-id: another identifier than the one there is is refused, not passed over', async () => {
    const data = tempFolder();
    expect((await start(data, 'https://ta.example.org', 'https://ta.example.org/')).ids).toEqual(['https://ta.example.org/']);
    expect((await start(data, 'https://ta.example.org', 'https://ta.example.org/')).ids).toEqual(['https://ta.example.org/']);
    await expect(start(data, 'https://ta.example.org', 'https://ta.example.org')).rejects.toThrow('never changes');
  });
  it('serve says which rule a bad identifier breaks', async () => {
    const env = { HOLDFAST_DATA: tempFolder(), HOLDFAST_PORT: String(await freePort()) };
    expect(await run(['serve', '--entity-id', 'http://localhost:1/?x'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/has a query[\s\S]*§1\.2/),
    });
    expect(await command(['config', 'check'], { HOLDFAST_URL: 'https://münchen.example' })).toMatchObject({ code: 2, stderr: expect.stringContaining('xn--') });
  });
  it('a server whose URL ends in a slash serves the identifier with it, at the place without', async () => {
    const folder = tempFolder();
    const port = await freePort();
    const url = `http://localhost:${port}/`;
    const server = await startProcess(folder, { port, env: { HOLDFAST_URL: url } });
    const served = await (await fetch(`http://localhost:${port}/.well-known/openid-federation`)).text();
    expect(JSON.parse(Buffer.from(served.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
      iss: url,
      metadata: { federation_entity: { federation_fetch_endpoint: `http://localhost:${port}/fetch` } },
    });
    expect((JSON.parse(readFileSync(`${folder}/cli.json`, 'utf8')) as { url: string }).url).toBe(`http://localhost:${port}`);
    expect((await command(['member', 'list'], { HOLDFAST_DATA: folder, HOLDFAST_URL: url })).code).toBe(0);
    await server.kill('SIGTERM');
  });
});
