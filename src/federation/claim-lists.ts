import { z } from 'zod';
import { isObject } from './strict-json.js';

/** One finding for a whole list, the first fault, however long it is: a stranger's statement costs no more to refuse than to read. */
export const listOf = <T>(what: string, holds: (one: unknown) => one is T) =>
  z
    .custom<readonly T[]>((value) => Array.isArray(value), { error: 'it is an array' })
    .superRefine((list, context) => {
      const n = list.findIndex((one) => !holds(one));
      if (n !== -1) context.addIssue({ code: 'custom', path: [n], message: `it is ${what}` });
    });
export const recordOf = <T>(what: string, holds: (one: unknown) => one is T) =>
  z.custom<Readonly<Record<string, T>>>(isObject, { error: 'it is an object' }).superRefine((record, context) => {
    const name = Object.keys(record).find((one) => !holds(record[one]));
    if (name !== undefined) context.addIssue({ code: 'custom', path: [name], message: `it is ${what}` });
  });

export const isString = (one: unknown): one is string => typeof one === 'string';
export const isStrings = (one: unknown): one is readonly string[] => Array.isArray(one) && one.every(isString);

const isMark = (one: unknown): one is { readonly trust_mark_type: string; readonly trust_mark: string } =>
  isObject(one) && isString(one['trust_mark_type']) && isString(one['trust_mark']);
/** The claim `trust_marks` (§3.1.2, §8.3.2), of whatever length: how many of them are looked at is the reader's choice. */
export const markList = listOf('an object with "trust_mark_type" and "trust_mark"; early drafts called the type "id"', isMark);
