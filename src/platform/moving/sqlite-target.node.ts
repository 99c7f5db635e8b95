import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { openSqlite, type SqliteDatabase } from '../../store/sqlite.node.js';
import { piecesOf } from '../../store/database.js';
import { makeDormant } from '../../store/dormant.js';
import { openStore } from '../../store/store.node.js';
import { lockDatabase, suffixesOf } from '../data-lock.node.js';
import { inboxFile, seconds } from '../deployment.node.js';
import { openInbox } from '../../store/inbox.node.js';
import { databaseOf } from '../local/heads.node.js';
import { integrityOf } from '../local/integrity.node.js';
import type { Target } from './ends.js';
import { lotsOfFile } from './sqlite-source.node.js';

function sync(file: string): void {
  const handle = openSync(file, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** @throws Error when something is there */
export function expectNoFile(file: string): void {
  const there = suffixesOf(file);
  if (there.length)
    throw new Error(`${there.map((suffix) => `${file}${suffix}`).join(', ')} exists: a copy overwrites nothing. Move it away, or name another file with --to`);
}

/** A new database file, under another name until it is whole. */
export function targetOfFile(file: string): Target {
  expectNoFile(file);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const lock = lockDatabase(file, { alone: true });
  const partial = `${file}.copying`;
  const clear = () => {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true });
  };
  let client: SqliteDatabase | undefined;
  try {
    // Of a copy that was killed.
    clear();
    expectNoFile(file);
    openStore(partial, seconds).close();
    const made = openSqlite(partial);
    client = made;
    chmodSync(partial, 0o600);
    made.pragma('journal_mode = DELETE');
    // Nobody reads it before it was written out as a whole.
    made.pragma('synchronous = OFF');
    made.exec('BEGIN');
    return {
      at: file,
      db: databaseOf(made),
      integrity: () => integrityOf(made, 'integrity_check'),
      rows: (table) => lotsOfFile(made, table),
      async put({ name, columns, id }, rows) {
        const names = [...(id === undefined ? ['rowid'] : []), ...columns.map((one) => one.name)];
        const insert = made.prepare(`INSERT INTO "${name}" (${names.map((one) => `"${one}"`).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`);
        for (const row of rows) insert.run(...(id === undefined ? row : row.slice(1)));
      },
      filled: async () => void made.exec('COMMIT'),
      async spend(all) {
        if (all.length === 0) return 0;
        // What processes on a file ask is the file beside it.
        openInbox(inboxFile(dirname(file))).close();
        const inbox = openSqlite(inboxFile(dirname(file)));
        try {
          const insert = inbox.prepare('INSERT INTO used_assertion (issuer, jti, exp) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
          return inbox.transaction(() => all.reduce((n, { issuer, jti, exp }) => n + insert.run(issuer, jti, exp).changes, 0))();
        } finally {
          inbox.close();
        }
      },
      async makeDormant(one) {
        for (const { sql, params } of piecesOf(makeDormant(one)).map((piece) => piece.toSQL())) made.prepare(sql).run(...params);
      },
      async commit() {
        made.close();
        sync(partial);
        expectNoFile(file);
        renameSync(partial, file);
        sync(dirname(file));
      },
      async close() {
        made.close();
        clear();
        lock.release();
      },
    };
  } catch (error) {
    client?.close();
    if (!existsSync(file)) clear();
    lock.release();
    throw error;
  }
}
