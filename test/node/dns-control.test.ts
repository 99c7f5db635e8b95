import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exploringDirectly } from '../../src/operations/explore-directly.js';
import { domainControlToken, showsToken } from '../../src/operations/members/domain-control.js';
import { safeFetch } from '../../src/outbound/safe-fetch.node.js';
import { ConfigError, readConfig } from '../../src/platform/config.js';
import { askAdmin } from '../support/admin-app.js';
import { ANCHOR, answer, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com:8443/t';
const NAME = '_holdfast-domain-control.rp.example.com';
const word = (n: number) => [n >> 8, n & 255];
const record = (...strings: string[]) => {
  const data = strings.flatMap((one) => [one.length, ...Buffer.from(one)]);
  return [0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, ...word(data.length), ...data];
};

const told: { code: number; records: (readonly number[])[]; status: number; type: string; body: Buffer | undefined; asked: string[] } = {
  code: 0,
  records: [],
  status: 200,
  type: 'application/dns-message',
  body: undefined,
  asked: [],
};
/** A resolver that answers by RFC 8484, or as it is told. */
const resolver: Server = createServer((request, response) => {
  const query = Buffer.from(new URL(request.url ?? '', 'http://localhost').searchParams.get('dns') ?? '', 'base64url');
  told.asked.push(
    `${request.method} ${request.headers.accept?.split(',')[0]} ${query
      .subarray(13, -5)
      .toString('latin1')
      .replace(/[^\w-]/g, '.')}`,
  );
  const message = Buffer.from([0, 0, 0x81, 0x80 + told.code, 0, 1, ...word(told.records.length), 0, 0, 0, 0, ...query.subarray(12), ...told.records.flat()]);
  response.writeHead(told.status, { 'content-type': told.type }).end(told.body ?? message);
});
const outbound = safeFetch({ loopback: true });
let url = '';
beforeAll(async () => {
  await new Promise<void>((done) => resolver.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(resolver.address() as AddressInfo).port}/dns-query?for=us`;
});
afterAll(async () => {
  await outbound.close();
  resolver.close();
});

it('domain control by DNS over HTTPS: just the token counts, and whatever else comes back is told', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember(RP);
  const token = await domainControlToken(ANCHOR, RP, jwks as never);
  const parts = { ...d.deployment, outbound, dnsResolver: url };
  const enrol = async (deployment = exploringDirectly(parts)) =>
    answer(
      askAdmin(deployment, `http://admin.test/admin/v1/authorities/main/members`, {
        method: 'POST',
        headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ entity_id: RP, jwks, ec_location: 'https://cdn.example.com/rp', domain_control: { method: 'dns' } }),
      }),
    );
  const refused = await enrol(exploringDirectly({ ...parts, dnsResolver: undefined }));
  expect([refused.status, refused.json.code, refused.text.includes('HOLDFAST_DOH_URL'), refused.text.includes(`${NAME} has to be \\"${token}\\"`)]).toEqual([
    400,
    'invalid_request',
    true,
    true,
  ]);
  const ask = async (more: Partial<typeof told>, entityId = RP) => {
    Object.assign(told, { code: 0, records: [], status: 200, type: 'application/dns-message', body: undefined, ...more });
    const { shown, why = '' } = await showsToken(exploringDirectly(parts), { entityId, token, method: 'dns' });
    return shown || why;
  };
  expect(await ask({ records: [record('v=spf1 -all'), record(token.slice(0, 20), token.slice(20))] })).toBe(true);
  expect(told.asked).toEqual([`GET application/dns-message ${NAME}`]);
  for (const [more, says] of [
    [{ records: [] }, 'no TXT record'],
    [{ records: [record(`${token} `), record(`token=${token}`), record(token.toUpperCase()), record(token.slice(1)), record('')] }, 'none of its 5'],
    [{ records: [record(token)], code: 3 }, 'NXDOMAIN'],
    [{ records: [record(token)], code: 2 }, 'SERVFAIL'],
    [{ records: [record(token)], status: 503 }, 'answers 503'],
    [{ records: [record(token)], status: 302 }, 'redirects'],
    [{ records: [record(token)], type: 'application/json' }, 'content type'],
    [{ body: Buffer.from(token) }, 'no DNS message'],
    [{ body: Buffer.alloc(0) }, 'no DNS message'],
    [{ body: Buffer.alloc(70_000, 0xc0) }, 'more than 65535 bytes'],
    [{ body: Buffer.alloc(65_535, 0xc0) }, 'no DNS message'],
  ] as const)
    expect(await ask(more as never), says).toContain(says);
  for (const id of ['https://192.0.2.1', 'https://[2001:db8::1]', 'http://localhost:8080'])
    expect(await ask({ records: [record(token)] }, id), id).toContain('no domain');
  expect(await ask({}, `https://${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}.example`), 'no room for the label').toContain(
    'longer than a name',
  );
  Object.assign(told, { records: [record(token)], status: 200, type: 'application/dns-message', body: undefined, code: 0 });
  const made = await enrol();
  expect([made.status, made.json.domain_control?.method], made.text).toEqual([201, 'dns']);
});

it('the resolver is one that the guarded door would ask', () => {
  const read = (doh: string, more: object = {}) => {
    try {
      return readConfig({ HOLDFAST_URL: 'https://a.example', HOLDFAST_DOH_URL: doh, ...more }).dnsResolver;
    } catch (error) {
      return error instanceof ConfigError ? error.message.slice(0, 17) : error;
    }
  };
  expect(read('https://dns.example/dns-query')).toBe('https://dns.example/dns-query');
  expect(read('http://localhost:1/q', { HOLDFAST_URL: 'http://localhost:8080' })).toBe('http://localhost:1/q');
  expect(read('https://10.0.0.1/q', { HOLDFAST_OUTBOUND_ALLOW: '10.0.0.0/8' })).toBe('https://10.0.0.1/q');
  for (const bad of ['http://dns.example/q', 'https://u:p@dns.example/q', 'nonsense', 'https://10.0.0.1/q', 'https://resolver/q'])
    expect(read(bad), bad).toBe('HOLDFAST_DOH_URL:');
});
