import { beforeAll, describe, expect, it } from 'vitest';
import { finding, type Result } from '../../src/federation/entry.js';
import type { PostRequest, Reply } from '../../src/outbound/outbound.js';
import { askMarkStatus } from '../../src/resolver/mark-status.js';
import { NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const ISSUER = 'https://issuer.example';
const URL_OF = `${ISSUER}/status`;
const TYP = { typ: 'trust-mark-status-response+jwt' };
let key: TestKey;
let other: TestKey;
beforeAll(async () => {
  [key, other] = [await testKey(), await testKey()];
});

async function ask(reply: Result<Reply>, statusEndpoint: string | undefined = URL_OF) {
  const posted: PostRequest[] = [];
  const door = {
    get: () => Promise.reject(new Error('nothing is fetched')),
    post: async (request: PostRequest) => {
      posted.push(request);
      return reply;
    },
  };
  return { posted, result: await askMarkStatus(door, { entityId: ISSUER, jwks: { keys: [key.jwk] }, statusEndpoint, exp: NOW + 100 }, 'a.b.c', NOW) };
}
const answered = async (claims: object = {}, by = key) => {
  const body = await by.jwt({ iss: ISSUER, iat: NOW, trust_mark: 'a.b.c', status: 'active', ...claims }, TYP);
  return { ok: true as const, value: { url: URL_OF, body: `\n${body}\r\n` } };
};
const refusal = (...findings: ReturnType<typeof finding>[]) => ({ ok: false as const, findings });
const told = ({ result }: Awaited<ReturnType<typeof ask>>) =>
  result.ok ? result.value : result.findings.map(({ code, where, transient, detail }) => [code, where, transient, detail]);

describe('§8.4 the status of a mark is asked for', () => {
  it('with the whole mark, in a form, for the one media type; space around the answer is nothing', async () => {
    const asked = await ask(await answered());
    expect(asked.result).toEqual({ ok: true, value: true });
    expect(asked.posted).toHaveLength(1);
    expect(asked.posted[0]).toMatchObject({ url: URL_OF, mediaType: 'application/trust-mark-status-response+jwt' });
    expect(asked.posted[0]?.form.toString()).toBe('trust_mark=a.b.c');
  });
  it.each(['revoked', 'expired', 'invalid', 'ACTIVE', 'of-a-framework'])('only active is a yes: %s', async (status) =>
    expect((await ask(await answered({ status }))).result).toEqual({ ok: true, value: false }),
  );
  it('an answer of another key, about another mark or of another issuer is no answer', async () => {
    for (const answer of [await answered({}, other), await answered({ trust_mark: 'd.e.f' }), await answered({ iss: 'https://other.example' })])
      expect((await ask(answer)).result.ok).toBe(false);
  });
  it('an issuer without an endpoint is not asked, and that does not pass', async () => {
    const door = { get: () => Promise.reject(new Error('no')), post: () => Promise.reject(new Error('no')) };
    const result = await askMarkStatus(door, { entityId: ISSUER, jwks: { keys: [key.jwk] }, statusEndpoint: undefined, exp: NOW }, 'a.b.c', NOW);
    expect(result).toMatchObject({ ok: false, findings: [{ code: 'trust_mark_status_unknown', where: ISSUER, transient: false }] });
  });
  it('what failed is told, and whether it may pass', async () => {
    expect(told(await ask(refusal(finding('fetch_failed', URL_OF, 'refused', true))))).toEqual([['trust_mark_status_unknown', ISSUER, true, 'refused']]);
    expect(told(await ask(refusal(finding('status_unexpected', URL_OF, '404'))))).toEqual([['trust_mark_status_unknown', ISSUER, false, '404']]);
    expect(told(await ask(refusal()))).toEqual([['trust_mark_status_unknown', ISSUER, true, 'no answer']]);
  });
});
