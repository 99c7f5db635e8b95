// npm run bench cuts: what a cut costs in a small and in a large federation, how fast a compromised key is replaced, and how
// two processes share one authority. Not part of a plain run: importing the large federation takes minutes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { backgroundTurn } from '../dist/operations/background.js';
import { activateKey } from '../dist/operations/keys/activate-key.js';
import { createKey } from '../dist/operations/keys/create-key.js';
import { revokeKey } from '../dist/operations/keys/revoke-key.js';
import { moveMember } from '../dist/operations/members/move-member.js';
import { ANCHOR, deployment, memberId, populate, seconds } from './setup.mjs';
import { judge, median, say, title } from './measure.mjs';

const FEW = 12;
const MANY = Number(process.env['HOLDFAST_BENCH_MEMBERS'] ?? 300_000);
const RESIGNED = 10_000;

/** Milliseconds of one suspension, and whether the very next request finds nothing. */
async function suspension(d, n) {
  const start = performance.now();
  await moveMember(d.call, 'main', memberId(n), 'suspend', { reason: 'bench' });
  const took = performance.now() - start;
  const { status } = await d.publicApp.fetch(new Request(`${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`));
  if (status !== 404) throw new Error(`suspended, and fetch answers ${status}`);
  await moveMember(d.call, 'main', memberId(n), 'resume', { reason: 'bench' });
  return took;
}

async function suspending() {
  title(`Suspending one member of ${FEW} and of ${MANY} (milliseconds, interleaved, median)`);
  const few = await deployment();
  await populate(few, 0, FEW);
  const many = await deployment();
  const begun = performance.now();
  await populate(many, 0, MANY);
  say(`${MANY} members imported in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  const first = { few: await suspension(few, 1), many: await suspension(many, 1) };
  const took = { few: [], many: [] };
  for (let n = 0; n < 120; n++) {
    took.few.push(await suspension(few, n % FEW));
    took.many.push(await suspension(many, (n * 7919) % MANY));
  }
  const [small, large] = [median(took.few), median(took.many)];
  say(`${small.toFixed(2)} and ${large.toFixed(2)}; the first after the import ${first.few.toFixed(1)} and ${first.many.toFixed(1)}`);
  judge(`a suspension among ${MANY}, of one among ${FEW}`, large / small, { atMost: 1.5 });
  few.close();
  many.close();
}

async function compromise() {
  title(`A compromised key with ${RESIGNED} members`);
  const d = await deployment();
  await populate(d, 0, RESIGNED);
  const [{ kid }] = d.store.reader.prepare("SELECT kid FROM authority_key WHERE state = 'active'").all();
  const next = await createKey(d.call, 'main', {});
  await activateKey(d.call, 'main', next.kid, { force: true, reason: 'bench' });
  const start = performance.now();
  await revokeKey(d.call, 'main', kid, 'compromised');
  const cut = performance.now() - start;
  const answer = (n) => d.publicApp.fetch(new Request(`${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`));
  const meanwhile = (await answer(RESIGNED - 1)).status;
  const due = () => d.store.reader.prepare("SELECT count(*) AS n FROM artefact WHERE kind = 'statement' AND kid <> ?").get(next.kid).n;
  while (due() > 0) await backgroundTurn({ ...d, now: seconds }, { more: () => true });
  const took = (performance.now() - start) / 1000;
  say(
    `the revocation committed in ${cut.toFixed(0)} ms, fetch answered ${meanwhile} until its statement was signed anew; all of them after ${took.toFixed(1)} s`,
  );
  for (let n = 0; n < RESIGNED; n += 999) if ((await answer(n)).status !== 200) throw new Error('not signed anew');
  judge(`${RESIGNED} statements signed anew (s)`, took, { atMost: 60 });
  d.close();
}

/** Two processes that enrol into the same authority, eight writers each. */
async function sharing() {
  title('Two processes on one authority, eight writers each (enrolments in five seconds)');
  const d = await deployment();
  const start = (name) => spawn(process.execPath, ['bench/writer.mjs', d.folder, name], { stdio: ['pipe', 'pipe', 'inherit'] });
  const two = ['a', 'b'].map(start);
  const lines = two.map((one) => createInterface({ input: one.stdout })[Symbol.asyncIterator]());
  for (const one of lines) if ((await one.next()).value !== 'ready') throw new Error('a writer did not start');
  for (const one of two) one.stdin.end(`${d.seal}\n`);
  const done = await Promise.all(lines.map(async (one) => Number((await one.next()).value)));
  await Promise.all(two.map((one) => one.exitCode ?? once(one, 'close')));
  say(`${done.join(' and ')}`);
  judge('the smaller part of the whole', Math.min(...done) / (done[0] + done[1]), { atLeast: 0.33 });
  d.close();
}

export async function cuts() {
  await compromise();
  await sharing();
  await suspending();
}
