/**
 * A text that SQLite prepares once. Where a bound value could change how a query is carried out, `sqlite3_prepare_v2` prepares it
 * again whenever a value is bound, which costs several times what a look-up does: that is so of LIMIT and OFFSET, and of a comparison
 * with a column that the condition of a partial index compares with a literal (SQLite's C interface, `sqlite3_prepare_v2`, third
 * difference; its stability guarantee, `SQLITE_DBCONFIG_ENABLE_QPSG`, no driver here can switch on). A unary plus is nothing to the
 * value, to its affinity or to the use of an index, and hides it from that. So a query that is to use a partial index says what the
 * condition of the index says with a literal, and never with a value.
 * @param sql every text in it that is not ours is bound
 */
export const steady = (sql: string): string => sql.replace(/(=|<>|\blimit|\boffset)(\s*)\?/gi, '$1$2+?');
