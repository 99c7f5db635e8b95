/** A query or form, or what is wrong with one of its parameters. */
export type Parameter = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly description: string };

export const MAX_IDENTIFIER = 2048;
/** Characters of a URL: one entity, one anchor and some filters, each as long as it may be. */
export const MAX_URL = 8192;
/** More than every endpoint knows together, each as often as it may be given. */
export const MAX_PARAMETERS = 100;

/** The parameters of a query or form, or what is wrong with them all. Bytes that are no UTF-8 are replaced, never refused. */
export function parametersOf(text: string): URLSearchParams | string {
  let count = 1;
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1))
    if (++count > MAX_PARAMETERS) return `there are more than ${MAX_PARAMETERS} parameters`;
  return new URLSearchParams(text);
}

/** What follows the question mark. */
export function queryOf(url: string): string {
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at + 1);
}

/** A parameter that is required and given once. */
export function one(from: URLSearchParams, name: string, max = MAX_IDENTIFIER): Parameter {
  const [value, second] = from.getAll(name);
  if (value === undefined || value === '') return { ok: false, description: `the parameter ${name} is missing` };
  if (second !== undefined) return { ok: false, description: `${name} is given more than once` };
  return value.length > max ? { ok: false, description: `${name} has more than ${max} characters` } : { ok: true, value };
}
