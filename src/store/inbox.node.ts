import { chmodSync, existsSync } from 'node:fs';
import type { LightDatabase } from './light-database.js';
import { openLight } from './light-sqlite.node.js';
import { FORGET_SPENT, FORGET_WISHES, type Inbox, SPEND, WANT, WISH_SECONDS } from './inbox.js';
import { patiently } from './patience.node.js';

const TABLES = `
CREATE TABLE IF NOT EXISTS wanted_subject (authority_id text NOT NULL, subject text NOT NULL, asked_by text NOT NULL, asked_at integer NOT NULL, PRIMARY KEY (authority_id, subject));
CREATE TABLE IF NOT EXISTS used_assertion (issuer text NOT NULL, jti text NOT NULL, exp integer NOT NULL, PRIMARY KEY (issuer, jti));
CREATE INDEX IF NOT EXISTS used_assertion_exp ON used_assertion (exp)`;

/** While opening nothing is answered yet. */
const OPENING_TIMEOUT_MS = 5000;
/** Blocks the event loop while another process writes, so it is short; longer waits are asynchronous. */
const BUSY_TIMEOUT_MS = 20;
const BUSY_PATIENCE_MS = 1000;

export function inboxOnSqlite(writer: LightDatabase): Inbox {
  const [forgetSpent, spend] = [writer.prepare(FORGET_SPENT), writer.prepare(SPEND)];
  const [forgetWishes, want] = [writer.prepare(FORGET_WISHES), writer.prepare(WANT)];
  const both = <T>(work: () => T): Promise<T> => patiently(() => writer.transaction(work).immediate(), BUSY_PATIENCE_MS);
  return {
    spend: (issuer, jti, exp) =>
      both(() => {
        forgetSpent.run(exp);
        return spend.get(issuer, jti, exp, issuer, issuer, jti) !== undefined;
      }),
    want: (authorityId, subject, askedBy, now) =>
      both(() => {
        forgetWishes.run(now);
        return want.get(authorityId, subject, askedBy, now, authorityId, subject, askedBy) !== undefined;
      }),
  };
}

/**
 * A file of its own, beside the database. Every process on the folder spends assertions in it, so that one is accepted once
 * whichever of them is asked (RFC 7523 §3, `jti`); a public plane that may not write the database notes its wishes there too.
 */
export function openInbox(file: string): Inbox & { close(): void } {
  const isNew = !existsSync(file);
  const client = openLight(file, { timeout: OPENING_TIMEOUT_MS });
  if (isNew) chmodSync(file, 0o600);
  client.pragma('journal_mode = WAL');
  client.pragma('synchronous = FULL');
  client.exec(TABLES);
  client.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return { ...inboxOnSqlite(client), close: () => void client.close() };
}

export interface Wish {
  readonly authorityId: string;
  readonly subject: string;
  readonly askedBy: string;
  readonly askedAt: number;
}

/**
 * Read the wishes that a public plane of its own has noted in its file since a moment, and drop what has served its time
 * there: a wish counts against its caller's budget for an hour.
 * @param now seconds since the epoch
 */
export function readInbox(file: string, since: number, now: number): readonly Wish[] {
  if (!existsSync(file)) return [];
  const client = openLight(file);
  try {
    client.exec(TABLES);
    client.prepare('DELETE FROM used_assertion WHERE exp < ?').run(now - 120);
    client.prepare('DELETE FROM wanted_subject WHERE asked_at < ?').run(now - WISH_SECONDS);
    return client
      .prepare('SELECT authority_id AS authorityId, subject, asked_by AS askedBy, asked_at AS askedAt FROM wanted_subject WHERE asked_at >= ?')
      .all(since) as Wish[];
  } finally {
    client.close();
  }
}
