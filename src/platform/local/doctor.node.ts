import { existsSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Line } from '../../cli/doctor.js';
import { when } from '../../cli/output.js';
import { parseJson } from '../../federation/strict-json.js';
import { databaseFile } from '../files.node.js';

const MB = 1e6;
/** A write-ahead log, a copy for a check: as much again as the database, and some. */
const LEAST_FREE = 200 * MB;
const BACKUP_DAYS = 7;

/** What is said of the last backup that was made here. */
const noteFile = (data: string): string => join(data, 'backup.json');

/** Note that a backup was made. Where the folder cannot be written, nothing is noted. */
export function noteBackupMade(data: string, file: string, at: number): void {
  try {
    writeFileSync(noteFile(data), `${JSON.stringify({ at, file })}\n`, { mode: 0o600 });
  } catch {
    // The backup is there all the same.
  }
}

function backupLine(data: string, now: number): Line {
  const what = 'backup';
  const json = existsSync(noteFile(data)) ? parseJson(readFileSync(noteFile(data), 'utf8'), 'backup.json') : undefined;
  const { at, file } = (json?.ok ? json.value : {}) as { at?: unknown; file?: unknown };
  if (typeof at !== 'number')
    return {
      level: 'warning',
      what,
      detail: 'none is known that was made on this machine',
      fix: 'holdfast backup create <file>, and keep it elsewhere, apart from the seal key',
    };
  const detail = `the newest made here is of ${when(at, now)}: ${String(file)}`;
  return now - at > BACKUP_DAYS * 86_400 ? { level: 'warning', what, detail, fix: 'holdfast backup create <file>, every day' } : { level: 'ok', what, detail };
}

function spaceLine(data: string): Line {
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const size = statSync(databaseFile(data)).size;
  const detail = `${Math.round(free / MB)} MB free, the database has ${Math.ceil(size / MB)} MB`;
  if (free >= LEAST_FREE + size) return { level: 'ok', what: 'disk', detail };
  return { level: free < LEAST_FREE ? 'error' : 'warning', what: 'disk', detail, fix: 'make room: when it is full, nothing but cuts is written' };
}

function permissionLines(data: string): readonly Line[] {
  const open = readdirSync(data)
    .map((name) => join(data, name))
    .filter((file) => statSync(file).isFile() && statSync(file).mode & 0o077);
  if (open.length === 0) return [{ level: 'ok', what: 'files', detail: `those of ${data} are their owner's alone` }];
  return open.map((file) => ({
    level: 'error',
    what: 'files',
    detail: `${file} is open to others (mode ${(statSync(file).mode & 0o777).toString(8)})`,
    fix: `chmod 600 ${file}`,
  }));
}

/** What can be seen on the machine of the data folder; nothing where there is none. */
export function localLines(data: string, now: number): readonly Line[] {
  if (!existsSync(databaseFile(data))) return [];
  return [spaceLine(data), ...permissionLines(data), backupLine(data, now)];
}
