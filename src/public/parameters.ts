/** A query or form, or what is wrong with one of its parameters. */
export type Parameter = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly description: string };

export const MAX_IDENTIFIER = 2048;

/** A parameter that is required and given once. */
export function one(from: URLSearchParams, name: string, max = MAX_IDENTIFIER): Parameter {
  const [value, second] = from.getAll(name);
  if (value === undefined || value === '') return { ok: false, description: `the parameter ${name} is missing` };
  if (second !== undefined) return { ok: false, description: `${name} is given more than once` };
  return value.length > max ? { ok: false, description: `${name} has more than ${max} characters` } : { ok: true, value };
}
