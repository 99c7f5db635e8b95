// One of two processes that enrol into one authority: node bench/writer.mjs <folder or URL of a database> <name>. The seal key
// comes on stdin, and with it the start; the number of enrolments goes to stdout.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { enrollMember } from '../dist/operations/members/enroll-member.js';
import { attachPostgres } from './failover-setup.mjs';
import { newKey } from './measure.mjs';
import { attach } from './setup.mjs';

const WRITERS = 8;
const SECONDS = Number(process.env.HOLDFAST_BENCH_SECONDS ?? 5);
const [place, name] = process.argv.slice(2);
console.log('ready');
const [seal] = await once(createInterface({ input: process.stdin }), 'line');
const d = await (place.startsWith('postgres:') ? attachPostgres(place, undefined, seal) : attach(place, seal));
// What is loaded, connected and prepared at first is not what is measured.
await enrollMember(d.call, 'main', { entityId: `https://${name}-first.example.org`, jwks: { keys: [newKey()] }, activate: true });
const until = performance.now() + SECONDS * 1000;
let done = 0;
await Promise.all(
  Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = 0; performance.now() < until; n++) {
      await enrollMember(d.call, 'main', { entityId: `https://${name}-${writer}-${n}.example.org`, jwks: { keys: [newKey()] }, activate: true });
      if (performance.now() < until) done++;
    }
  }),
);
console.log(done);
await d.store.close();
