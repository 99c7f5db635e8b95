import { openSqlite, type SqliteDatabase } from '../../store/sqlite.node.js';

/** One chain in a database file. */
interface Chain {
  readonly last: number;
  hashAt(seq: number): string | undefined;
}

function chainsOf(client: SqliteDatabase): ReadonlyMap<string, Chain> {
  const rows = client.prepare('SELECT authority_id AS id, max(seq) AS last FROM event GROUP BY authority_id').all() as { id: string; last: number }[];
  const hash = client.prepare('SELECT hash FROM event WHERE authority_id = ? AND seq = ?').pluck();
  return new Map(rows.map(({ id, last }) => [id, { last, hashAt: (seq) => hash.get(id, seq) as string | undefined }]));
}

/** The last event that two chains share: what follows from the same event is the same up to it, so halving finds it. */
function shared(a: Chain, b: Chain): number {
  let [same, other] = [0, Math.min(a.last, b.last) + 1];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    const hash = a.hashAt(middle);
    if (hash !== undefined && hash === b.hashAt(middle)) same = middle;
    else other = middle;
  }
  return same;
}

/** How many events of a database a backup lacks, those of another history included; undefined when it cannot be read. */
export function lostBy(backup: string, database: string): number | undefined {
  const [theirs, ours] = [openSqlite(backup, { readonly: true }), openSqlite(database, { readonly: true })];
  try {
    const kept = chainsOf(theirs);
    let lost = 0;
    for (const [id, chain] of chainsOf(ours)) {
      const other = kept.get(id);
      lost += chain.last - (other ? shared(chain, other) : 0);
    }
    return lost;
  } catch {
    return undefined;
  } finally {
    theirs.close();
    ours.close();
  }
}
