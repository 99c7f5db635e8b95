// npm run bench postgres: what PostgreSQL with a synchronous standby costs beside the file, on one machine, in one run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { newSealKey } from '../dist/keys/random.js';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { enrollMember } from '../dist/operations/members/enroll-member.js';
import { moveMember } from '../dist/operations/members/move-member.js';
import { createPublicApp } from '../dist/public/app.js';
import { Follower } from '../dist/store/postgres/follower.node.js';
import { inboxOnPostgres } from '../dist/store/postgres/inbox.postgres.node.js';
import { publishedOnPostgres } from '../dist/store/postgres/published.postgres.node.js';
import { serversOf } from '../dist/store/postgres/servers.node.js';
import { attachPostgres, makeDatabase } from './failover-setup.mjs';
import { interleaved, judge, newKey, say, thrice, title } from './measure.mjs';
import { startPair } from './postgres-server.mjs';
import { ANCHOR, deployment, memberId, populate, seconds } from './setup.mjs';

const WRITERS = 16;
const SECONDS = 5;
const CUTS = 60;
const MEMBERS = 1000;

async function onPostgres(pair) {
  const url = await makeDatabase(pair.primary.url);
  const seal = newSealKey();
  const d = await attachPostgres(url, undefined, seal);
  await createAuthority(d.call, { slug: 'main', entityId: ANCHOR });
  const key = await d.custody.generate('bench', 'ES256');
  return { ...d, url, seal, jwks: { keys: [key.jwk] }, key };
}

/** Enrolments in five seconds, so many at a time. */
async function enrolments(d, name) {
  const until = performance.now() + SECONDS * 1000;
  let done = 0;
  const writer = async (_, w) => {
    for (let n = 0; performance.now() < until; n++) {
      await enrollMember(d.call, 'main', { entityId: `https://${name}-${w}-${n}.example.org`, jwks: { keys: [newKey()] }, activate: true });
      if (performance.now() < until) done++;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return done / SECONDS;
}

async function writing(file, postgres) {
  title(`Enrolling with ${WRITERS} writers (a second, in turns, median of three)`);
  let run = 0;
  const before = { ...postgres.store.counts };
  const got = await thrice(async () => ({ file: await enrolments(file, `f${run++}`), postgres: await enrolments(postgres, `p${run++}`) }));
  const { transactions, operations } = postgres.store.counts;
  say(`the file ${got.file.toFixed(0)}, PostgreSQL with a synchronous standby ${got.postgres.toFixed(0)}`);
  say(`operations that shared a transaction: ${((operations - before.operations) / (transactions - before.transactions)).toFixed(1)} of ${WRITERS} writers`);
  judge('PostgreSQL, of the file', got.postgres / got.file, { atLeast: 0.3 });
}

async function sharing(postgres) {
  title('Two processes on one authority on PostgreSQL, eight writers each (enrolments in five seconds)');
  const two = ['a', 'b'].map((name) => spawn(process.execPath, ['bench/writer.mjs', postgres.url, name], { stdio: ['pipe', 'pipe', 'inherit'] }));
  const lines = two.map((one) => createInterface({ input: one.stdout })[Symbol.asyncIterator]());
  for (const one of lines) if ((await one.next()).value !== 'ready') throw new Error('a writer did not start');
  for (const one of two) one.stdin.end(`${postgres.seal}\n`);
  const done = await Promise.all(lines.map(async (one) => Number((await one.next()).value)));
  await Promise.all(two.map((one) => one.exitCode ?? once(one, 'close')));
  say(`${done.join(' and ')}`);
  judge('the larger part, of the smaller', Math.max(...done) / Math.min(...done), { atMost: 2 });
}

/** A public plane of another process that reads on the standby. */
function reading(pair, primary) {
  const follower = new Follower(serversOf(pair.standby.url('holdfast', 'holdfast')), { role: 'any', staleness: 60, wall: Date.now, connections: 4 });
  const published = publishedOnPostgres(follower);
  const context = { published, inbox: inboxOnPostgres(primary.store.writers), now: seconds, development: false };
  return { app: createPublicApp(() => context), end: () => follower.end() };
}
const fetchOf = (n) => new Request(`${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`);

async function cutting(postgres, standby) {
  title(`A suspension, asked about on the synchronous standby at once (${CUTS} rounds)`);
  let served = 0;
  for (let n = 0; n < CUTS; n++) {
    // In memory there, as of one that is asked for all the time.
    while ((await standby.app.fetch(fetchOf(n))).status !== 200) await new Promise((done) => setTimeout(done, 5));
    for (let again = 0; again < 3; again++) await standby.app.fetch(fetchOf(n));
    await moveMember(postgres.call, 'main', memberId(n), 'suspend', { reason: 'bench' });
    if ((await standby.app.fetch(fetchOf(n))).status !== 404) served++;
  }
  judge('still served', served, { atMost: 0 });
}

async function serving(file, standby) {
  title('Fetch from memory (microseconds, interleaved, best block)');
  const asked = Array.from({ length: 500 }, (_, n) => fetchOf(n + 100));
  const of = (app) => (n) => app.fetch(asked[(n * 7919) % asked.length]);
  const best = await thrice(() => interleaved({ file: of(file.publicApp), standby: of(standby.app) }));
  say(`the file ${best.file.toFixed(2)}, the standby ${best.standby.toFixed(2)}`);
  judge("the standby's memory, of the file's", best.file / best.standby, { atLeast: 0.9 });
}

export async function postgres() {
  const pair = await startPair();
  const file = await deployment();
  const there = await onPostgres(pair);
  const standby = reading(pair, there);
  try {
    await populate(file, 0, MEMBERS);
    await populate(there, 0, MEMBERS);
    await cutting(there, standby);
    await serving(file, standby);
    await writing(file, there);
    await sharing(there);
  } finally {
    await standby.end();
    await there.store.close();
    file.close();
    await pair.stop();
  }
}
