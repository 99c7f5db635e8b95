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

/** An empty database whose texts have the order of bytes. */
export const createDatabase = (root: string, name: string): Promise<void> =>
  onServer(root, (on) => on.script(`CREATE DATABASE ${name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'`));
