// Asks at a steady rate over connections that stay open, however long answers take, and says how long they took from the moment they
// were due to be asked for: whoever asks as fast as he is answered finds a queue that he makes himself.
//   arguments: port, host, requests a second, seconds, members to ask for (by chance, out of so many)
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const [port, host, rate, seconds, members] = process.argv.slice(2).map((one) => (Number.isNaN(Number(one)) ? one : Number(one)));
const CONNECTIONS = 32;
const took = [];
let failed = 0;

/** One request at a time on it. */
function connection() {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  let answered;
  let said = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    said += chunk;
    const end = said.indexOf('\r\n\r\n');
    if (end === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(said.slice(0, end))?.[1]);
    if (said.length < end + 4 + length) return;
    if (!said.startsWith('HTTP/1.1 200')) failed++;
    said = '';
    answered();
  });
  return (path) =>
    new Promise((done) => {
      answered = done;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    });
}

const free = Array.from({ length: CONNECTIONS }, connection);
const waiting = [];
async function ask(due) {
  const on = free.pop() ?? (await new Promise((given) => waiting.push(given)));
  const member = String(Math.floor(Math.random() * members)).padStart(6, '0');
  await on(`/fetch?sub=https%3A%2F%2Fm${member}.example.org`);
  took.push(performance.now() - due);
  const next = waiting.shift();
  if (next) next(on);
  else free.push(on);
}

const [began, all] = [performance.now(), []];
for (let n = 0; n < rate * seconds; ) {
  const now = performance.now() - began;
  for (; n < rate * seconds && (n * 1000) / rate <= now; n++) all.push(ask(began + (n * 1000) / rate));
  await pause(1);
}
await Promise.all(all);
took.sort((one, other) => one - other);
const at = (part) => took[Math.floor((took.length - 1) * part)];
console.log(JSON.stringify({ rate, p50: at(0.5), p99: at(0.99), worst: at(1), failed }));
process.exit();
