import { sealedCustody } from '../dist/keys/custody.js';
import { importSealKey } from '../dist/keys/seal.js';
import { startingCall } from '../dist/operations/call.js';
import { trustedClock } from '../dist/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../dist/operations/explore-directly.js';
import { closedDoor } from '../dist/outbound/closed-door.js';
import { serversOf } from '../dist/store/postgres/servers.node.js';
import { openPostgres } from '../dist/store/postgres/store.postgres.node.js';

export const seconds = () => Math.floor(Date.now() / 1000);

/** What a process over a database of PostgreSQL works with. */
export async function attachPostgres(url, password, seal) {
  const store = openPostgres(serversOf(url, password), seconds);
  const custody = sealedCustody(await importSealKey(seal));
  const clock = trustedClock({ now: seconds, elapsed: () => performance.now() / 1000 }, { development: false });
  const parts = exploringDirectly({ store, custody, outbound: closedDoor('a benchmark'), clock, development: false });
  return { ...parts, call: startingCall(parts) };
}
