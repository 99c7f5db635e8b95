/**
 * `?` outside of literals and quoted names becomes $1, $2, and so on. What tells SQLite's planner which index to use is left out:
 * here the planner knows how many rows there are. Nothing else of a statement is changed.
 */
function number(sql: string): string {
  let n = 0;
  return sql.replace(/ INDEXED BY \w+/g, '').replace(/'(?:[^']|'')*'|"[^"]*"|\?/g, (found) => (found === '?' ? `$${++n}` : found));
}

/** Texts of statements are few: they are written once and bound many times. */
const MOST = 2000;
const known = new Map<string, string>();
export function numbered(sql: string): string {
  let text = known.get(sql);
  if (text === undefined) {
    text = number(sql);
    if (known.size < MOST) known.set(sql, text);
  }
  return text;
}
