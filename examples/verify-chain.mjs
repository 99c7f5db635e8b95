// A relying party in miniature: collects and verifies an OpenID Federation trust chain with jose and nothing else.
//   node examples/verify-chain.mjs <entity-id> <anchors.json>          over the wire
//   node examples/verify-chain.mjs --chain <chain.json> <anchors.json>  from a JSON array of compact JWTs, leaf first
// anchors.json: {"<trust anchor entity id>": {"keys": [...]}}, obtained out of band. Policies are not applied here.
import { readFileSync } from 'node:fs';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

async function verify(jwt, jwks) {
  const { alg, kid, typ } = decodeProtectedHeader(jwt);
  const jwk = jwks.keys.find((key) => key.kid === kid);
  if (typ !== 'entity-statement+jwt' || !jwk) throw new Error(`typ ${typ}, kid ${kid}: not acceptable`);
  await compactVerify(jwt, await importJWK(jwk, alg), { algorithms: [alg] });
  const claims = decodeJwt(jwt);
  if (!(claims.exp > Date.now() / 1000)) throw new Error(`the statement about ${claims.sub} expired`);
  return claims;
}

export async function verifyChain(chain, anchors) {
  const claims = chain.map((jwt) => decodeJwt(jwt));
  const anchor = anchors[claims.at(-1).iss];
  if (!anchor) throw new Error(`${claims.at(-1).iss} is no trust anchor of ours`);
  await verify(chain[0], claims[0].jwks); // the subject's configuration, by its own keys
  for (const [n, jwt] of chain.entries()) {
    if (claims[n + 1] && claims[n].iss !== claims[n + 1].sub) throw new Error(`statement ${n} does not follow from statement ${n + 1}`);
    await verify(jwt, claims[n + 1]?.jwks ?? anchor); // and every statement by the keys in the one above it
    if (claims[n].iss === claims.at(-1).iss) await verify(jwt, anchor);
  }
  return claims;
}

export async function fetchChain(subject, anchors) {
  const get = async (url) => {
    const response = await fetch(url, { redirect: 'error' });
    if (response.headers.get('content-type') !== 'application/entity-statement+jwt') throw new Error(`${url} answers ${response.status}`);
    return response.text();
  };
  const chain = [await get(`${subject}/.well-known/openid-federation`)];
  for (let id = subject; !anchors[id]; ) {
    const hints = id === subject ? decodeJwt(chain[0]).authority_hints : decodeJwt(await get(`${id}/.well-known/openid-federation`)).authority_hints;
    const superior = decodeJwt(await get(`${hints[0]}/.well-known/openid-federation`));
    chain.push(await get(`${superior.metadata.federation_entity.federation_fetch_endpoint}?sub=${encodeURIComponent(id)}`));
    id = superior.sub;
    if (anchors[id]) chain.push(await get(`${id}/.well-known/openid-federation`));
  }
  return chain;
}

if (process.argv[1]?.endsWith('verify-chain.mjs')) {
  const fromFile = process.argv[2] === '--chain';
  const anchors = read(process.argv.at(-1));
  try {
    const chain = fromFile ? read(process.argv[3]) : await fetchChain(process.argv[2], anchors);
    const claims = await verifyChain(chain, anchors);
    for (const [n, one] of [...claims].reverse().entries()) {
      const { kid } = decodeProtectedHeader(chain[claims.length - 1 - n]);
      console.log(
        `${'   '.repeat(n)}${n ? '└─ ' : ''}${one.iss === one.sub ? `${one.sub} about itself` : `${one.iss} about ${one.sub}`}, key ${kid.slice(0, 8)}…, expires ${new Date(one.exp * 1000).toISOString()}`,
      );
    }
  } catch (error) {
    console.error(`no chain: ${error.message}`);
    process.exitCode = 1;
  }
}
