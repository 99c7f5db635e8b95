import { openSqlite, type SqliteDatabase } from '../../store/sqlite.node.js';
import { DamagedDatabase } from '../damaged.js';

/** Lines that are told of what SQLite finds. */
const LINES = 20;
const ofDamage = (error: unknown): error is Error => /^SQLITE_(CORRUPT|NOTADB|IOERR)/.test((error as { code?: string }).code ?? '');

/** SQLite's own check of a whole file: `ok`, or what it found. `quick_check` leaves out whether each index agrees with its table. */
export function integrityOf(client: SqliteDatabase, check: 'quick_check' | 'integrity_check'): string {
  try {
    return client
      .prepare(`PRAGMA ${check}(${LINES})`)
      .pluck()
      .all()
      .flatMap((line) => String(line).split('\n'))
      .filter((line) => !line.startsWith('*** in database '))
      .join('; ');
  } catch (error) {
    if (ofDamage(error)) return error.message;
    throw error;
  }
}

/** Do something with a file that may be damaged. @throws DamagedDatabase */
export async function orDamaged<T>(what: (found: string) => string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ofDamage(error) ? new DamagedDatabase(what(error.message), { cause: error }) : error;
  }
}

/** @throws DamagedDatabase */
export function expectSound(file: string, what: (found: string) => string): void {
  const client = openSqlite(file, { readonly: true, fileMustExist: true });
  try {
    const found = integrityOf(client, 'quick_check');
    if (found !== 'ok') throw new DamagedDatabase(what(found));
  } finally {
    client.close();
  }
}
