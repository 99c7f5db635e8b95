import Sqlite from 'better-sqlite3';
import { type Inbox, SPEND } from './inbox.js';

const TABLE = 'CREATE TABLE IF NOT EXISTS used_assertion (issuer text NOT NULL, jti text NOT NULL, exp integer NOT NULL, PRIMARY KEY (issuer, jti))';

export function inboxOnSqlite(writer: Sqlite.Database): Inbox {
  const spend = writer.prepare(SPEND);
  return { spend: (issuer, jti, exp) => spend.get(issuer, jti, exp) !== undefined };
}

/** A file of its own, for a public plane that may not write the database. */
export function openInbox(file: string): Inbox & { close(): void } {
  const client = new Sqlite(file);
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.exec(TABLE);
  return { ...inboxOnSqlite(client), close: () => void client.close() };
}
