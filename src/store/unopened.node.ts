import { StoreBusy } from './trouble.js';

/** By the code of SQLite: what keeps a file from being opened, and what to do. */
const WHY: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_CANTOPEN/, 'cannot be opened: is it a folder, or does it belong to another user?'],
  [/^SQLITE_(NOTADB|CORRUPT)/, 'is no database, or a damaged one: see what holdfast fsck says of it, and restore the newest sound backup'],
  [/^SQLITE_READONLY/, 'cannot be written by this user: give it to the user of the service'],
  [/^SQLITE_IOERR/, 'cannot be read or written: look at the disk and at the log of the system'],
];

/** Why a database file could not be opened, with its name. Whatever else went wrong passes unchanged. */
export function whyUnopened(file: string, error: unknown): unknown {
  const code = String((error as { readonly code?: unknown }).code ?? '');
  if (/^SQLITE_(BUSY|LOCKED)/.test(code))
    return new StoreBusy(`another process holds ${file}: end whatever has it open beside Holdfast, and start again`, { cause: error });
  const why = WHY.find(([of]) => of.test(code))?.[1];
  return why === undefined ? error : new Error(`${file} ${why} (${(error as Error).message})`, { cause: error });
}
