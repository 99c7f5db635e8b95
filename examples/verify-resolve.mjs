// A relying party in miniature that takes a resolver's word: checks a resolve response and the trust marks in it with jose
// and nothing else.
//   node examples/verify-resolve.mjs <resolver> <subject> <trust anchor> <keys.json>
// keys.json: {"<entity id>": {"keys": [...]}} with the resolver's keys, obtained out of band (and those of mark issuers).
import { readFileSync } from 'node:fs';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';

export async function verifyJwt(jwt, typ, jwks) {
  const header = decodeProtectedHeader(jwt);
  const jwk = jwks?.keys.find(({ kid }) => kid === header.kid);
  if (header.typ !== typ || !jwk) throw new Error(`typ ${header.typ}, kid ${header.kid}: not acceptable`);
  await compactVerify(jwt, await importJWK(jwk, header.alg), { algorithms: [header.alg] });
  const claims = decodeJwt(jwt);
  if (!(claims.exp > Date.now() / 1000)) throw new Error(`the ${typ} expired`);
  return claims;
}

/** A resolve response: about the subject, by the resolver, its chain from the subject to the trust anchor. */
export async function verifyResolve(jwt, { resolver, subject, anchor, keys }) {
  const claims = await verifyJwt(jwt, 'resolve-response+jwt', keys[resolver]);
  const [first, last] = [claims.trust_chain[0], claims.trust_chain.at(-1)].map((one) => decodeJwt(one));
  if (claims.iss !== resolver || claims.sub !== subject) throw new Error(`it is about ${claims.sub}, by ${claims.iss}`);
  if (first.sub !== subject || last.sub !== anchor || last.iss !== anchor) throw new Error('its chain does not lead from the subject to the trust anchor');
  if (claims.trust_chain.some((one) => decodeJwt(one).exp < claims.exp)) throw new Error('it outlives its chain');
  return claims;
}

/** A trust mark and its issuer's word that it is active. */
export async function verifyMark(mark, { subject, keys }) {
  const { iss } = decodeJwt(mark);
  const claims = await verifyJwt(mark, 'trust-mark+jwt', keys[iss]);
  if (claims.sub !== subject) throw new Error(`it was issued to ${claims.sub}`);
  const issuer = decodeJwt(await get(`${iss}/.well-known/openid-federation`));
  const endpoint = issuer.metadata.federation_entity.federation_trust_mark_status_endpoint;
  const answer = await fetch(endpoint, { method: 'POST', body: new URLSearchParams({ trust_mark: mark }) });
  if (answer.status !== 200) throw new Error(`its status cannot be had (${answer.status})`);
  const status = await verifyJwt(await answer.text(), 'trust-mark-status-response+jwt', keys[iss]);
  if (status.iss !== iss || status.trust_mark !== mark) throw new Error('the status is about another mark');
  if (status.status !== 'active') throw new Error(`the trust mark is ${status.status}`);
  return claims;
}

async function get(url) {
  const response = await fetch(url, { redirect: 'error' });
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return response.text();
}

export const resolveUrl = (resolver, subject, anchor) => `${resolver}/resolve?${new URLSearchParams({ sub: subject, trust_anchor: anchor })}`;

if (process.argv[1]?.endsWith('verify-resolve.mjs')) {
  const [resolver, subject, anchor, file] = process.argv.slice(2);
  const keys = JSON.parse(readFileSync(file, 'utf8'));
  try {
    const claims = await verifyResolve(await get(resolveUrl(resolver, subject, anchor)), { resolver, subject, anchor, keys });
    console.log(`${claims.sub} under ${anchor}, by ${claims.iss}, until ${new Date(claims.exp * 1000).toISOString()}`);
    console.log(`  entity types ${Object.keys(claims.metadata).join(', ')}; a chain of ${claims.trust_chain.length} statements`);
    for (const { trust_mark: mark } of claims.trust_marks ?? []) {
      const { trust_mark_type: type, iss } = await verifyMark(mark, { subject, keys });
      console.log(`  trust mark ${type} of ${iss}: active`);
    }
  } catch (error) {
    console.error(`not trusted: ${error.message}`);
    process.exitCode = 1;
  }
}
