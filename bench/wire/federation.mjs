// A deployment whose first members have been evaluated and bear a mark. To enrol a million takes a quarter of an hour, so one may be kept.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signJws } from '../../dist/federation/entry.js';
import { exploringDirectly } from '../../dist/operations/explore-directly.js';
import { grantMark } from '../../dist/operations/marks/grant-mark.js';
import { createMarkType } from '../../dist/operations/marks/mark-types.js';
import { evaluateDue } from '../../dist/operations/resolving/evaluate-due.js';
import { say } from '../measure.mjs';
import { ANCHOR, attach, deployment, memberId, populate, seconds } from '../setup.mjs';

const TYPE = `${ANCHOR}/marks/certified`;
const EVALUATED = 200;

/** Said at least as often, in members, while many are enrolled. */
const LOT = 50_000;

/** @param folder of a deployment that is kept; one of its own, and gone at the end, by default */
export async function federation(folder) {
  const notes = folder && join(folder, 'wire.json');
  const known = notes && existsSync(notes) ? JSON.parse(readFileSync(notes, 'utf8')) : undefined;
  const d = known ? { ...(await attach(folder, known.seal)), folder, ...known } : await begun(folder);
  const note = () => notes && writeFileSync(notes, JSON.stringify({ seal: d.seal, jwks: d.jwks, marks: d.marks, evaluated: d.evaluated, members: d.members }));
  note();
  return {
    ...d,
    /** Enrol members until there are so many; of a kept deployment there may be more. */
    async grow(members) {
      const began = performance.now();
      while (d.members < members) {
        const to = Math.min(members, d.members + LOT);
        await populate(d, d.members, to);
        d.members = to;
        note();
        if (members > LOT) say(`${to} of ${members} members enrolled after ${((performance.now() - began) / 1000).toFixed(0)} s`);
      }
    },
    close() {
      if (folder) d.store.close();
      else d.close();
    },
  };
}

async function begun(folder) {
  const d = await deployment({ folder });
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
  return { ...d, marks, evaluated: EVALUATED, members: EVALUATED };
}
