import { Connection } from '../../src/store/postgres/connection.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';

const OWNER = 'holdfast';

export async function onServer<T>(url: string, body: (on: Connection) => Promise<T>): Promise<T> {
  const on = await Connection.to(serversOf(url), 'any', 20_000);
  try {
    return await body(on);
  } finally {
    await on.close();
  }
}

/** An empty database whose texts have the order of bytes. */
export async function createDatabase(root: string, name: string): Promise<void> {
  await onServer(root, async (on) => {
    await on.script(`DO $$ BEGIN CREATE ROLE ${OWNER} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`);
    await on.script(`CREATE DATABASE ${name} OWNER ${OWNER} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'`);
  });
}
/** The same database for the role that owns it and is nobody else: no superuser. */
export const asOwner = (url: string): string => url.replace('//postgres@', `//${OWNER}@`);

let made = 0;
/** An empty database of its own on a server that this process has started. @returns its URL, for a superuser */
export async function newDatabase(server: { url(database: string): string }): Promise<string> {
  const name = `d${made++}`;
  await createDatabase(server.url('postgres'), name);
  return server.url(name);
}
