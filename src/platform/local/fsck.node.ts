import { existsSync } from 'node:fs';
import { type Damage, fsck } from '../../operations/fsck.js';
import { openStore } from '../../store/store.node.js';
import { seconds } from '../deployment.node.js';

/** Check a database file as a whole: SQLite's own check, then every promise of ours. @throws Error when there is none */
export async function fsckFile(
  file: string,
  progress?: (what: string, n: number) => void,
): Promise<{ readonly integrity: string; readonly damages: readonly Damage[] }> {
  if (!existsSync(file)) throw new Error(`there is no database ${file}`);
  const store = openStore(file, seconds);
  try {
    const integrity = store.reader.pragma('integrity_check', { simple: true }) as string;
    return { integrity, damages: integrity === 'ok' ? await fsck({ store }, progress) : [] };
  } finally {
    store.close();
  }
}
