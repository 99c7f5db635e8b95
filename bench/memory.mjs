// Resident memory (MB) of the serving half of a process: node bench/memory.mjs <folder> <members>
import { join } from 'node:path';
import { createPublicApp } from '../dist/public/app.js';
import { inboxOnSqlite } from '../dist/store/inbox.node.js';
import { publishedOnSqlite } from '../dist/store/published.node.js';
import { openStore } from '../dist/store/store.node.js';
import { ANCHOR, memberId, seconds } from './setup.mjs';

const [folder, members] = process.argv.slice(2);
const store = openStore(join(folder, 'holdfast.db'), seconds);
const context = { published: publishedOnSqlite(store.reader), inbox: inboxOnSqlite(store.writer), now: seconds, development: false };
const app = createPublicApp(() => context);
for (let n = 0; n < 50_000; n++) {
  const answer = await app.fetch(new Request(`${ANCHOR}/fetch?sub=${encodeURIComponent(memberId((n * 7919) % Number(members)))}`));
  if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
}
console.log(process.memoryUsage().rss / 1e6);
store.close();
