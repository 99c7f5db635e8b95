// One of the processes of bench/failover.mjs: node bench/failover-writer.mjs <url> <name> <writers> <log>. Password and seal key
// come on stdin, a line each; it writes until stdin ends. Every question and every answer is a line of the log.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { enrollMember } from '../dist/operations/members/enroll-member.js';
import { attachPostgres } from './failover-setup.mjs';
import { newKey } from './measure.mjs';

const [url, name, writers, log] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const [password, seal] = [(await lines.next()).value, (await lines.next()).value];
let going = true;
process.stdin.once('end', () => {
  going = false;
});
process.stdin.resume();
const d = await attachPostgres(url, password, seal);
const out = createWriteStream(log, { flags: 'a' });
const note = (line) => out.write(`${JSON.stringify({ ...line, at: Date.now() })}\n`);
const say = (error) => `${error?.constructor?.name}: ${error?.message}`.slice(0, 200);
await Promise.all(
  Array.from({ length: Number(writers) }, async (_, writer) => {
    for (let n = 0; going; n++) {
      const id = `https://${name}-${writer}-${n}.example.org`;
      note({ asked: id });
      try {
        await enrollMember(d.call, 'main', { entityId: id, jwks: { keys: [newKey()] }, activate: true });
        note({ done: id });
      } catch (error) {
        note({ failed: id, error: say(error) });
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }),
);
note({ counts: d.store.counts });
out.end();
await once(out, 'finish');
await d.store.close();
process.exit(0);
