import { sealedCustody } from '../dist/keys/custody.js';
import { importSealKey } from '../dist/keys/seal.js';
import { startingCall } from '../dist/operations/call.js';
import { trustedClock } from '../dist/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../dist/operations/explore-directly.js';
import { closedDoor } from '../dist/outbound/closed-door.js';
import { Connection } from '../dist/store/postgres/connection.node.js';
import { migratePostgres } from '../dist/store/postgres/migrate.node.js';
import { serversOf } from '../dist/store/postgres/servers.node.js';
import { openPostgres } from '../dist/store/postgres/store.postgres.node.js';

export const seconds = () => Math.floor(Date.now() / 1000);

/**
 * Make the role and its database, as the documentation has them made, with its tables.
 * @param urlOf of a database, as a user
 */
export async function makeDatabase(urlOf, password) {
  const root = await Connection.to(serversOf(urlOf('postgres', 'postgres'), password), 'primary', 20_000);
  await root.script(`CREATE ROLE holdfast LOGIN${password === undefined ? '' : ` PASSWORD '${password}'`}`);
  await root.script("CREATE DATABASE holdfast OWNER holdfast TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'");
  await root.close();
  const url = urlOf('holdfast', 'holdfast');
  await migratePostgres(serversOf(url, password), 'drizzle/postgres');
  return url;
}

/** What a process over a database of PostgreSQL works with. */
export async function attachPostgres(url, password, seal) {
  const store = openPostgres(serversOf(url, password), seconds);
  const custody = sealedCustody(await importSealKey(seal));
  const clock = trustedClock({ now: seconds, elapsed: () => performance.now() / 1000 }, { development: false });
  const parts = exploringDirectly({ store, custody, outbound: closedDoor('a benchmark'), clock, development: false });
  return { ...parts, call: startingCall(parts) };
}
