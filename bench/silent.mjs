// What readers that take nothing hold in the memory of a server: of a list of very long identifiers, of pages, of what they send ahead.
import { connect } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { ANCHOR, deployment, populate } from './setup.mjs';
import { say, title } from './measure.mjs';
import { server } from './wire/processes.mjs';

const MEMBERS = 5000;
const LENGTH = 2000;
const READERS = 500;
const PORT = 18_431;
const idOf = (n) => `https://m${String(n).padStart(5, '0')}.example/`.padEnd(LENGTH, 'x');
const UNION = '/list?entity_type=openid_relying_party&entity_type=nothing';
const WAYS = {
  'a list': ['/list', 1],
  'a list that is not kept': [UNION, 1],
  'a page of the extended listing': ['/extended-list?limit=1000', 1],
  'the same with statements': ['/extended-list?limit=100&claims=subordinate_statement', 1],
  'twenty lists sent ahead': [UNION, 20],
};

const ask = (path) => `GET ${path} HTTP/1.1\r\nHost: ${new URL(ANCHOR).host}\r\n\r\n`;

async function silentReader(port, path, times) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((done) => socket.once('connect', done));
  // Nothing is ever taken from it: it has no listener that would.
  socket.write(ask(path).repeat(times));
  return socket;
}

async function heldBy(d, [path, times]) {
  const ours = await server('holdfast', ['node', 'dist/platform/main.node.js', 'serve'], {
    env: {
      HOLDFAST_DATA: d.folder,
      HOLDFAST_URL: ANCHOR,
      HOLDFAST_PORT: String(PORT),
      HOLDFAST_SEAL_KEY: d.seal,
      HOLDFAST_DISCOVERY: 'off',
      HOLDFAST_LOG: 'silent',
    },
    ready: (said) => (said.includes('ready after') ? PORT : undefined),
    anywhere: true,
  });
  const sockets = [];
  try {
    const before = ours.memory();
    for (let n = 0; n < READERS; n++) sockets.push(await silentReader(PORT, path, times));
    let most = 0;
    for (let n = 0; n < 20; n++) {
      await after(500);
      most = Math.max(most, ours.memory());
    }
    return { before, most, after: ours.memory() };
  } finally {
    for (const one of sockets) one.destroy();
    await ours.stop();
  }
}

export async function silent() {
  title(`Memory that ${READERS} readers hold who take nothing, ${MEMBERS} members of ${LENGTH} characters`);
  const d = await deployment();
  await populate(d, 0, MEMBERS, idOf);
  for (const [name, way] of Object.entries(WAYS)) {
    const { before, most, after: held } = await heldBy(d, way);
    say(
      `${name}: ${before.toFixed(0)} MB before, ${most.toFixed(0)} at most, ${held.toFixed(0)} then: ${((1000 * (held - before)) / READERS).toFixed(0)} kB each`,
    );
  }
  d.close();
}
