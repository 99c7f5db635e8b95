import Sqlite from 'better-sqlite3';
import { type Inbox, SPEND, WANT } from './inbox.js';

const TABLES = `
CREATE TABLE IF NOT EXISTS wanted_subject (authority_id text NOT NULL, subject text NOT NULL, asked_by text NOT NULL, asked_at integer NOT NULL, PRIMARY KEY (authority_id, subject));
CREATE TABLE IF NOT EXISTS used_assertion (issuer text NOT NULL, jti text NOT NULL, exp integer NOT NULL, PRIMARY KEY (issuer, jti))`;

export function inboxOnSqlite(writer: Sqlite.Database): Inbox {
  const spend = writer.prepare(SPEND);
  const want = writer.prepare(WANT);
  return {
    spend: (issuer, jti, exp) => spend.get(issuer, jti, exp) !== undefined,
    want: (authorityId, subject, askedBy, now) => want.get(authorityId, subject, askedBy, now, askedBy) !== undefined,
  };
}

/** A file of its own, for a public plane that may not write the database. */
export function openInbox(file: string): Inbox & { close(): void } {
  const client = new Sqlite(file);
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.exec(TABLES);
  return { ...inboxOnSqlite(client), close: () => void client.close() };
}
