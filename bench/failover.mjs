// npm run bench failover: a cluster loses its leader again and again while sixteen write; what was acknowledged has to be there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSealKey } from '../dist/keys/random.js';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { fsck } from '../dist/operations/fsck.js';
import { programs, startCluster } from './cluster.mjs';
import { attachPostgres, makeDatabase } from './failover-setup.mjs';
import { judge, say, title } from './measure.mjs';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const PROCESSES = 2;
const WRITERS = 8;
const TROUBLES = ['kill', 'freeze', 'kill', 'freeze', 'freeze'];
const FROZEN_MS = 35_000;
/** With everything in order, before and after each trouble. */
const QUIET_MS = 8000;
/** Milliseconds: Patroni's ttl, its loop, a promotion. */
const SILENCE = 40_000;

function writer(cluster, name, seal) {
  const log = join(cluster.folder, `${name}.jsonl`);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'failover-writer.mjs'), cluster.url('holdfast', 'holdfast'), name, String(WRITERS), log], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.write(`${cluster.password}\n${seal}\n`);
  const ended = once(child, 'exit').then(([code, name]) => ({ code, name }));
  return {
    log,
    ended,
    async stop() {
      child.stdin.end();
      return ended;
    },
    kill: () => child.kill('SIGKILL'),
  };
}

const linesOf = (log) =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** The longest time between two answers, in which of the given spans, and of each of those. */
function silences(times, spans) {
  const longest = (from, to) => {
    let most = 0;
    for (let at = 1; at < times.length; at++) if (times[at] >= from && times[at - 1] <= to) most = Math.max(most, times[at] - times[at - 1]);
    return most;
  };
  return spans.map(({ what, from, to }) => ({ what, ms: longest(from, to) }));
}

async function verify(d, lines) {
  const done = lines.flatMap((one) => one.done ?? []);
  const { rows } = await d.store.pool.query(`SELECT m.entity_id, m.state,
      (SELECT count(*) FROM artefact AS a WHERE a.authority_id = m.authority_id AND a.kind = 'statement' AND a.key = m.entity_id),
      (SELECT count(*) FROM event AS e WHERE e.authority_id = m.authority_id AND e.subject_id = m.id) FROM member AS m`);
  const there = new Map(rows.map(([id, ...rest]) => [id, rest]));
  const one = async (sql) => Number((await d.store.pool.query(sql)).rows[0][0]);
  return {
    members: there.size,
    lost: done.filter((id) => !there.has(id)).length,
    halves: [...there.values()].filter(([state, statements, events]) => state !== 'active' || Number(statements) !== 1 || Number(events) < 1).length,
    twice: rows.length - there.size,
    orphanStatements: await one("SELECT count(*) FROM artefact WHERE kind = 'statement' AND key NOT IN (SELECT entity_id FROM member)"),
    orphanEvents: await one("SELECT count(*) FROM event WHERE subject_kind = 'member' AND subject_id NOT IN (SELECT id FROM member)"),
    gaps: await one('SELECT coalesce(sum(gap), 0) FROM (SELECT max(seq) - count(*) AS gap FROM event GROUP BY authority_id) AS chains'),
    damages: await fsck(d),
  };
}

export async function failover() {
  title(`Fail-over: 3 etcd, 3 Patroni, ${PROCESSES} processes with ${WRITERS} writers each; ${TROUBLES.join(', ')}`);
  const found = programs();
  if (found.missing) {
    for (const one of found.missing) say(`missing: ${one}`);
    judge('programs that are missing', found.missing.length, { atMost: 0 });
    return;
  }
  const cluster = await startCluster(found);
  const writers = [];
  let keep = false;
  const abort = () => void cluster.stop().then(() => process.exit(130));
  process.once('SIGINT', abort).once('SIGTERM', abort);
  try {
    await cluster.whole();
    const url = await makeDatabase(cluster.url, cluster.password);
    const seal = newSealKey();
    const d = await attachPostgres(url, cluster.password, seal);
    await createAuthority(d.call, { slug: 'main', entityId: 'https://anchor.example.org' });
    for (let n = 0; n < PROCESSES; n++) writers.push(writer(cluster, `p${n}`, seal));
    const begun = Date.now();
    const spans = [];
    for (const what of TROUBLES) {
      await pause(QUIET_MS);
      const leader = await cluster.leader();
      const from = Date.now();
      say(`${what} ${leader.name}`);
      if (what === 'freeze') await cluster.freeze(leader, FROZEN_MS);
      else {
        cluster.kill(leader);
        await pause(5000);
        cluster.start(leader);
      }
      await pause(QUIET_MS);
      await cluster.whole();
      spans.push({ what: `${what} ${leader.name}`, from, to: Date.now() });
    }
    await pause(QUIET_MS);
    const exits = await Promise.all(writers.map((one) => one.stop()));
    const took = (Date.now() - begun) / 1000;
    const lines = writers.flatMap(({ log }) => linesOf(log));
    const times = lines.flatMap((one) => (one.done === undefined ? [] : [one.at])).sort((a, b) => a - b);
    const kinds = new Map();
    for (const { error } of lines.filter((one) => one.failed)) kinds.set(error, (kinds.get(error) ?? 0) + 1);
    const errors = [...kinds].map(([error, n]) => `${n} × ${error}`);
    const quiet = silences(times, spans);
    const { damages, ...standing } = await verify(d, lines);
    await d.store.close();
    const counts = lines.flatMap((one) => one.counts ?? []);
    say(
      `${times.length} acknowledged in ${took.toFixed(0)} s (${(times.length / took).toFixed(0)} a second, all silences included); ${standing.members} members`,
    );
    say(`longest silence: ${quiet.map(({ what, ms }) => `${what} ${(ms / 1000).toFixed(1)} s`).join(', ')}`);
    say(`settled by looking: ${counts.reduce((n, one) => n + one.settled, 0)}; sent again: ${counts.reduce((n, one) => n + one.resent, 0)}`);
    say(`errors to callers: ${errors.join('; ') || 'none'}`);
    if (damages.length) say(`fsck: ${JSON.stringify(damages.slice(0, 3))}`);
    keep = true;
    judge('processes that did not end well', exits.filter(({ code }) => code !== 0).length, { atMost: 0 });
    judge('acknowledged and lost', standing.lost, { atMost: 0 });
    judge('there by halves', standing.halves, { atMost: 0 });
    judge('there twice', standing.twice, { atMost: 0 });
    judge('statements of nobody', standing.orphanStatements, { atMost: 0 });
    judge('events of nobody', standing.orphanEvents, { atMost: 0 });
    judge('gaps in chains', standing.gaps, { atMost: 0 });
    judge('damages that fsck finds', damages.length, { atMost: 0 });
    judge('longest silence (seconds)', Math.max(...quiet.map(({ ms }) => ms)) / 1000, { atMost: SILENCE / 1000 });
    keep = false;
  } finally {
    for (const one of writers) one.kill();
    await cluster.stop({ keep });
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}
