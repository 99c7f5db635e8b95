import { statSync } from 'node:fs';
import { StoreUnreachable } from './database.js';
import type { Published } from './published.js';
import { publishedOnSqlite } from './published.node.js';
import { openReader } from './light-sqlite.node.js';
import { TROUBLES } from './trouble.js';

/** How often it is looked at which file lies there (milliseconds): one look costs as much as a cached answer. */
const LOOK_EVERY_MS = 20;

export interface PublishedFile {
  /** @throws StoreUnreachable while there is no file that can be read */
  current(): Published;
  /** Another process has committed: the next request looks at once. */
  changed(): void;
  close(): void;
}

/**
 * The public view on a database file that another process may exchange: a restore puts another file under the same name, and
 * whoever has the old one open would go on serving from that, whom it vouches for and all. So it is looked at which file lies
 * there, and another one is opened.
 */
export function publishedOnFile(file: string, now: () => number = () => performance.now()): PublishedFile {
  const identity = (): string | undefined => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found && `${found.dev} ${found.ino}`;
  };
  const open = (is: string | undefined) => {
    const reader = openReader(file);
    return { is, reader, published: publishedOnSqlite(reader) };
  };
  let opened: ReturnType<typeof open> | undefined = open(identity());
  let lookedAt = now();

  function look(): void {
    const is = identity();
    if (opened && is === opened.is) return;
    opened?.reader.close();
    opened = undefined;
    if (is === undefined) return;
    try {
      opened = open(is);
    } catch {
      // It is being written, perhaps: looked at again.
    }
  }

  return {
    current() {
      if (!opened || now() - lookedAt >= LOOK_EVERY_MS) {
        lookedAt = now();
        look();
      }
      if (!opened) throw new StoreUnreachable(TROUBLES.unreachable.says);
      return opened.published;
    },
    changed: () => opened?.published.changed(),
    close: () => opened?.reader.close(),
  };
}
