import { customType } from 'drizzle-orm/sqlite-core';
import { readCell, writeCell } from '../json-cell.js';

export type Json = Readonly<Record<string, unknown>>;
/** A column of JSON, which zod checked at the border. */
export const json = <T>(name: string) =>
  customType<{ data: T; driverData: unknown }>({ dataType: () => 'text', fromDriver: (held) => readCell(name, held) as T, toDriver: writeCell })(name);
