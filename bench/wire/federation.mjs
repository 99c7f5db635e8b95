// A deployment whose first members have been evaluated and bear a mark.
import { signJws } from '../../dist/federation/entry.js';
import { exploringDirectly } from '../../dist/operations/explore-directly.js';
import { grantMark } from '../../dist/operations/marks/grant-mark.js';
import { createMarkType } from '../../dist/operations/marks/mark-types.js';
import { evaluateDue } from '../../dist/operations/resolving/evaluate-due.js';
import { ANCHOR, deployment, memberId, populate, seconds } from '../setup.mjs';

const TYPE = `${ANCHOR}/marks/certified`;
const EVALUATED = 200;

export async function federation() {
  const d = await deployment();
  const signer = await d.keyCustody.signer({ id: 'bench', ...d.key });
  const outbound = {
    async get({ url }) {
      const id = url.replace('/.well-known/openid-federation', '');
      const times = { iat: seconds() - 5, exp: seconds() + 80_000 };
      const claims = { iss: id, sub: id, ...times, jwks: d.jwks, authority_hints: [ANCHOR], metadata: { openid_relying_party: { client_name: id } } };
      return { ok: true, value: { url, body: await signJws('entity-statement+jwt', claims, signer) } };
    },
  };
  const live = exploringDirectly({ store: d.store, custody: d.custody, outbound, clock: d.clock, development: false });
  await populate(d, 0, EVALUATED);
  while ((await evaluateDue(live)) > 0);
  await createMarkType(d.call, 'main', TYPE, {});
  const marks = [(await grantMark(d.call, 'main', { type: TYPE, member: memberId(0) })).mark.bytes];
  return { ...d, marks, evaluated: EVALUATED };
}
