// The discovery thread as it really is, but for a few entities: what a stranger's bytes might do to it, done at the door.
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import { openSqlite } from '../../dist/store/sqlite.node.js';
import { runDiscovery } from '../../dist/platform/local/discovery-worker.node.js';

const spin = () => {
  for (;;);
};
const ACTS = {
  spin,
  bomb() {
    const all = [];
    for (;;) all.push({ more: [...Array(1000).keys()] });
  },
  /** In the middle of a write. */
  lock() {
    openSqlite(join(workerData.ground.data, 'holdfast.db')).exec('BEGIN IMMEDIATE; UPDATE setting SET value = value');
    spin();
  },
  crash() {
    setImmediate(() => {
      throw new Error('crash');
    });
  },
  never: () => new Promise(() => {}),
};

/** It happens when what came is read; `never` is one that does not even come. */
await runDiscovery((door) => ({
  ...door,
  async get(request) {
    const act = ACTS[new URL(request.url).pathname.split('/')[1]];
    if (act === ACTS.never) await act();
    const reply = await door.get(request);
    if (!reply.ok || !act) return reply;
    const { body } = reply.value;
    return {
      ok: true,
      value: {
        ...reply.value,
        get body() {
          act();
          return body;
        },
      },
    };
  },
}));
