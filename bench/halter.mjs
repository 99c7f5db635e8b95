// A process that cuts on the database of another one: node bench/halter.mjs <folder>. The seal key comes as the first line on
// stdin, then one Entity Identifier a line; for each it prints when it began to cut and when that was committed (milliseconds
// since the epoch).
import { createInterface } from 'node:readline';
import { moveMember } from '../dist/operations/members/move-member.js';
import { attach } from './setup.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const d = await attach(process.argv[2], (await lines.next()).value);
console.log('ready');
for await (const member of lines) {
  const began = performance.timeOrigin + performance.now();
  await moveMember(d.call, 'main', member, 'suspend', { reason: 'bench' });
  console.log(JSON.stringify({ began, committed: performance.timeOrigin + performance.now() }));
}
await d.store.close();
