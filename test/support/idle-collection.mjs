// Statements are dropped and the heap grows in small steps with nothing to do between them, so that V8 ends its marking in a task of
// its own. better-sqlite3 12, compiled for Node 24.19 or later, ends the process there within a few turns (nodejs/node#65446).
import { setTimeout } from 'node:timers/promises';
import { openSqlite } from '../../dist/store/sqlite.node.js';

const client = openSqlite(':memory:');
const kept = [];
for (let turn = 0; turn < 40; turn++) {
  for (let n = 0; n < 200; n++) client.prepare('SELECT 1');
  kept.push(Array.from({ length: 20_000 }, (_, n) => ({ n })));
  await setTimeout(3);
}
console.log('went on');
