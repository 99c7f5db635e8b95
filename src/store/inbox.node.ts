import { existsSync } from 'node:fs';
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

export interface Wish {
  readonly authorityId: string;
  readonly subject: string;
  readonly askedBy: string;
  readonly askedAt: number;
}

const KEPT_SECONDS = 60 * 60;

/**
 * Read the wishes that a public plane of its own has noted in its file since a moment, and drop what has served its time
 * there: a wish counts against its caller's budget for an hour.
 * @param now seconds since the epoch
 */
export function readInbox(file: string, since: number, now: number): readonly Wish[] {
  if (!existsSync(file)) return [];
  const client = new Sqlite(file);
  try {
    client.exec(TABLES);
    client.prepare('DELETE FROM used_assertion WHERE exp < ?').run(now - 120);
    client.prepare('DELETE FROM wanted_subject WHERE asked_at < ?').run(now - KEPT_SECONDS);
    return client
      .prepare('SELECT authority_id AS authorityId, subject, asked_by AS askedBy, asked_at AS askedAt FROM wanted_subject WHERE asked_at >= ?')
      .all(since) as Wish[];
  } finally {
    client.close();
  }
}
