// npm run bench status-list: a status list of 100 000 places signed anew, beside one signature; from a cut to the list that says so.
import { compressStatuses, packStatuses, signJws } from '../dist/federation/entry.js';
import { issuerOf } from '../dist/operations/artefacts/publish.js';
import { moveMember } from '../dist/operations/members/move-member.js';
import { forgetPlaces } from '../dist/operations/status/known-places.js';
import { signedStatusList } from '../dist/operations/status/sign-list.js';
import { deployment, memberId, populate } from './setup.mjs';
import { judge, median, say, title } from './measure.mjs';

const SIZE = 100_000;
const RUNS = 7;

async function timed(work) {
  const times = [];
  for (let n = 0; n < RUNS; n++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** The longest time that nothing else ran in this process (milliseconds). */
async function longestStall(work) {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
}

export async function statusList() {
  title('A status list of 100 000 places, all of them taken, signed anew (milliseconds, median of 7)');
  const d = await deployment();
  await populate(d, 0, 1000);
  const { writer } = d.store;
  writer.exec(`INSERT INTO status_entry (authority_id, list, idx, kind, subject_id, member_id, created_at)
    SELECT m.authority_id, 0, n.i, 'software_statement', 's' || n.i, m.id, 1 FROM
    (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${SIZE - 1}) SELECT i, 1 + i % 1000 AS place FROM n) AS n
    JOIN (SELECT id, authority_id, row_number() OVER (ORDER BY id) AS place FROM member) AS m ON m.place = n.place
    WHERE NOT EXISTS (SELECT 1 FROM status_entry AS e WHERE e.authority_id = m.authority_id AND e.list = 0 AND e.idx = n.i)`);
  const [authority] = await d.store.db.query.authority.findMany();
  const issuer = await issuerOf(d, authority);
  const one = await timed(() => signJws('t', { iat: 1, text: 'x'.repeat(2000) }, issuer.signer));
  say(`one signature over 2 kB: ${one.toFixed(2)} ms`);
  for (const share of [0, 0.02, 0.5]) {
    writer.exec(`UPDATE status_entry SET revoked_at = CASE WHEN (idx * 7919) % 1000 < ${share * 1000} THEN 1 END WHERE kind = 'software_statement'`);
    let bytes = 0;
    const again = async () => {
      ({ bytes } = await signedStatusList(d, issuer, '0', 0));
    };
    const sign = async () => {
      forgetPlaces(d, authority.id);
      await again();
    };
    const whole = await timed(sign);
    const known = await timed(again);
    const packing = await timed(() =>
      compressStatuses(
        packStatuses(
          SIZE,
          2,
          Array.from({ length: SIZE * share }, (_, n) => [Math.floor(n / share), 1]),
        ),
      ),
    );
    const stall = await longestStall(sign);
    say(
      `${String(share * 100).padStart(2)} % taken back: read whole ${whole.toFixed(1)} ms (${Math.round(whole / one)} signatures), after an event ${known.toFixed(1)} ms, packing ${packing.toFixed(1)} ms, token ${(bytes.length / 1000).toFixed(1)} kB, longest stall ${stall.toFixed(0)} ms`,
    );
    if (share === 0.02) {
      judge('read whole and signed (ms)', whole, { atMost: 1000 });
      judge('signed after an event (ms)', known, { atMost: 100 });
    }
  }
  let n = 0;
  forgetPlaces(d, authority.id);
  const suspend = () => moveMember(d.call, 'main', memberId(n++), 'suspend', { reason: 'bench' });
  const first = performance.now();
  await suspend();
  const cold = performance.now() - first;
  const cut = await timed(suspend);
  say(`a suspension of somebody with 100 places answered with that list signed: ${cut.toFixed(0)} ms; the first one of a process ${cold.toFixed(0)} ms`);
  judge('a suspension with its list (ms)', cut, { atMost: 250 });
  d.close();
}
