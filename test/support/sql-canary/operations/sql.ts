import { eq, sql as text } from 'drizzle-orm'; // breaks sql-import
import * as drizzle from 'drizzle-orm'; // breaks sql-import
import { insertRows, insertWith } from '../store/bulk.js'; // breaks sql-import
import { raw } from '../store/database.js'; // breaks sql-import
import { inLot, overList } from '../store/lots.js'; // breaks sql-import
import { onlyWhile } from '../store/only-while.js'; // breaks sql-import
export { number } from '../store/words.js'; // breaks sql-import

// What follows is no SQL: a comment with SELECT 1 FROM member, and words that people read.
export const said = ['select one of them', 'UPDATE it', 'it EXISTS', 'ORDER a key'.length, eq, insertRows, inLot];

export const planted = [
  'SELECT 1 FROM member', // breaks sql-text
  `DELETE FROM member WHERE id = ${1}`, // breaks sql-text
  `${1} ON CONFLICT DO NOTHING`, // breaks sql-text
  `${1} NOT EXISTS (SELECT 1 ${2}`, // breaks sql-text
  "x IN (SELECT value FROM json_each(?))", // breaks sql-text
  'withheld IS DISTINCT FROM ?', // breaks sql-text
  'v = CASE WHEN x THEN 1 ELSE 2 END', // breaks sql-text
];
export { drizzle, text, insertWith, raw, overList, onlyWhile };
