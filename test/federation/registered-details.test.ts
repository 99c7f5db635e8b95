import { expect, it } from 'vitest';
import { briefTokensOf, ownRichRequests } from '../../src/rp/oidc-provider/registered-privileges.js';
import type { OAuthError } from '../../src/rp/oidc-provider/oauth-error.js';

/** A client that registered by a software statement, and what its record says by now. */
const PAYMENT = { type: 'payment', actions: ['read', 'pay'], limit: 100 };
function world(entitled: object = {}) {
  const client = { client_id: 'c1', authorization_details_types: ['payment'], authorization_details_templates: [PAYMENT] };
  const record = { authorizationDetailsTypes: ['payment', 'account'], authorizationDetailsTemplates: [PAYMENT, { type: 'account' }], ...entitled };
  const seen: unknown[] = [];
  const rich = ownRichRequests(
    {
      enabled: true,
      types: { payment: { validate: (_ctx: unknown, detail: never) => void seen.push(detail) }, account: { validate: () => undefined } },
      authorizationDetailsForAccessToken: (_ctx: unknown, _token: never, source: never) => (source as { rar: unknown }).rar,
      authorizationDetailsForIntrospection: (_ctx: unknown, token: never) => (token as { rar: unknown }).rar,
    },
    { factsOf: async (id) => (id === 'c1' ? ({ client, admitted: { entitled: record } } as never) : undefined) },
  );
  const ask = async (detail: { type: string; limit?: number }, clientId = 'c1') => {
    try {
      const { validate } = rich.types?.[detail.type] ?? {};
      await (validate as (...all: unknown[]) => unknown)({}, detail, { clientId });
      return 'taken';
    } catch (error) {
      return (error as OAuthError).error;
    }
  };
  const issued = (rar: unknown, clientId = 'c1') =>
    (rich.authorizationDetailsForAccessToken as (...all: unknown[]) => unknown)({}, { clientId }, { rar }, 'refresh_token');
  const asked = (rar: unknown, clientId = 'c1') => (rich.authorizationDetailsForIntrospection as (...all: unknown[]) => unknown)({}, { clientId, rar });
  return { ask, issued, asked, seen };
}

it('CA a registered client asks for details within what it was registered with and within its record; others for what they like', async () => {
  const { ask, seen } = world();
  expect(await ask({ ...PAYMENT, limit: 50 })).toBe('taken');
  expect(seen, 'and the server is asked as ever').toHaveLength(1);
  expect(await ask({ ...PAYMENT, limit: 101 }), 'beyond both').toBe('invalid_authorization_details');
  expect(await ask({ type: 'account' }), 'in its record, and not in what it was registered with').toBe('invalid_authorization_details');
  expect(await ask({ ...PAYMENT, limit: 101 }, 'of-the-server-itself')).toBe('taken');
  const narrowed = world({ authorizationDetailsTemplates: [{ ...PAYMENT, limit: 10 }] });
  expect(await narrowed.ask({ ...PAYMENT, limit: 50 }), 'narrowed since').toBe('invalid_authorization_details');
  const widened = world({ authorizationDetailsTemplates: [{ ...PAYMENT, limit: 1000 }] });
  expect(await widened.ask({ ...PAYMENT, limit: 101 }), 'widened since: that takes another statement').toBe('invalid_authorization_details');
});

it('CA what was agreed to and is allowed no more is in no token of a refresh, and in no answer to whoever asks', async () => {
  const [small, large, account] = [{ ...PAYMENT, limit: 5 }, { ...PAYMENT, limit: 50 }, { type: 'account' }];
  const { issued, asked } = world({ authorizationDetailsTemplates: [{ ...PAYMENT, limit: 10 }] });
  expect(await issued([small, large, account])).toEqual([small]);
  expect(await asked([large])).toBeUndefined();
  expect(await issued(undefined)).toBeUndefined();
  expect(await issued([large], 'of-the-server-itself')).toEqual([large]);
});

it('CA a token of a refresh has no scope that its client has not any more, and lives 300 s', () => {
  const ttl = briefTokensOf({ AccessToken: 7200 })['AccessToken'] as (ctx: unknown, token: object, client: object) => number;
  const client = { clientId: 'c1', federation_entity: 'https://agent.example', scope: 'openid read' };
  const token = { scope: 'openid read write' };
  expect([ttl({}, token, client), token.scope]).toEqual([300, 'openid read']);
  const none: { scope?: string | undefined } = { scope: 'write' };
  expect([ttl({}, none, client), none.scope]).toEqual([300, undefined]);
  const ofResource = { scope: 'call', resourceServer: {} };
  expect([ttl({}, ofResource, client), ofResource.scope], 'a resource has looked at it').toEqual([300, 'call']);
  const other = { scope: 'write' };
  expect([ttl({}, other, { clientId: 'own', scope: 'openid' }), other.scope]).toEqual([7200, 'write']);
});
