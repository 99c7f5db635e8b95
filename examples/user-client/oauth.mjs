// OAuth by openid-client: nothing here knows of federations but for the client id, which is the Entity Identifier.
import * as openid from 'openid-client';

export async function oauthClient({ id, server, key, resource, scope, details }) {
  const insecure = server.startsWith('http:') ? { execute: [openid.allowInsecureRequests] } : {};
  // The audience is the issuer alone: what is for two is replayed by the other one.
  const forIssuer = (_header, payload) => Object.assign(payload, { aud: server });
  const authentication = openid.PrivateKeyJwt({ key: key.key, kid: key.kid }, { [openid.modifyAssertion]: forIssuer });
  const config = await openid.discovery(new URL(server), id, { token_endpoint_auth_method: 'private_key_jwt' }, authentication, insecure);
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
  let target = resource ? { resource } : {};
  /** Between the request and the person's return. */
  let pending;
  let tokens;

  const keep = (answer) => {
    tokens = { ...tokens, ...answer, sub: answer.claims?.()?.sub ?? tokens?.sub };
    const { token_type, expires_in, authorization_details } = answer;
    return { token_type, expires_in, scope: answer.scope, authorization_details, refreshable: tokens.refresh_token !== undefined, sub: tokens.sub };
  };
  return {
    /** Push the request; answers where the person goes. */
    async authorize({ scope: wanted = scope, details: wantedDetails = details, resource: wantedResource = resource } = {}) {
      target = wantedResource ? { resource: wantedResource } : {};
      const verifier = openid.randomPKCECodeVerifier();
      const state = openid.randomState();
      const url = await openid.buildAuthorizationUrlWithPAR(
        config,
        {
          ...target,
          redirect_uri: `${id}/callback`,
          scope: wanted,
          state,
          ...(wanted.split(' ').includes('offline_access') && { prompt: 'consent' }),
          ...(wantedDetails && { authorization_details: JSON.stringify(wantedDetails) }),
          code_challenge: await openid.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        },
        { DPoP },
      );
      pending = { verifier, state };
      return url.href;
    },
    /** The code that the person brought back, for tokens. */
    async redeem(url) {
      const { verifier, state } = pending ?? {};
      return keep(await openid.authorizationCodeGrant(config, url, { pkceCodeVerifier: verifier, expectedState: state }, target, { DPoP }));
    },
    refresh: async () => keep(await openid.refreshTokenGrant(config, tokens?.refresh_token ?? '', target, { DPoP })),
    machine: async ({ scope: wanted = scope } = {}) => keep(await openid.clientCredentialsGrant(config, { ...target, scope: wanted }, { DPoP })),
    userinfo: () => openid.fetchUserInfo(config, tokens?.access_token ?? '', tokens?.sub ?? openid.skipSubjectCheck, { DPoP }),
    async introspect() {
      const { active, scope: has, authorization_details, cnf, aud } = await openid.tokenIntrospection(config, tokens?.access_token ?? '');
      return { active, scope: has, authorization_details, cnf, aud };
    },
    /** @param bearer as if somebody had stolen the token and had not the key that it is bound to */
    async call(url, { bearer = false } = {}) {
      const headers = new Headers({ accept: 'application/json' });
      if (bearer) headers.set('authorization', `Bearer ${tokens?.access_token}`);
      const answer = bearer
        ? await fetch(url, { headers })
        : await openid.fetchProtectedResource(config, tokens?.access_token ?? '', new URL(url), 'GET', null, headers, { DPoP });
      return { status: answer.status, answered: await answer.text() };
    },
  };
}
