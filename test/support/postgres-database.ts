import { Connection } from '../../src/store/postgres/connection.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';

export async function onServer<T>(url: string, body: (on: Connection) => Promise<T>): Promise<T> {
  const on = await Connection.to(serversOf(url), 'any', 20_000);
  try {
    return await body(on);
  } finally {
    await on.close();
  }
}

/** Whoever owns the databases of the tests may do nothing else: the product needs no more. */
export const OWNER = 'holdfast_owner';
const ROLE = `DO $$ BEGIN CREATE ROLE ${OWNER} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`;

/** The URL of a database, as its owner. */
export const ownerUrl = (url: string): string => url.replace('//postgres@', `//${OWNER}@`);

/** An empty database whose texts have the order of bytes. @param root as the superuser */
export const createDatabase = (root: string, name: string): Promise<void> =>
  onServer(root, async (on) => {
    await on.script(ROLE);
    await on.script(`CREATE DATABASE ${name} OWNER ${OWNER} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'`);
  });
