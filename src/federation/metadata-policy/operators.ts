import { isJson } from '../json-key.js';
import { MAX_JSON_DEPTH } from '../limits.js';
import { isObject } from '../strict-json.js';
import { PolicyFault } from './policy-fault.js';
import { keyOf, ValueSet } from './value-set.js';

/** `undefined` stands for a parameter that is absent. */
export type ParameterValue = unknown;

interface Operator {
  /** Throws when the operator's own value has an unsupported type. */
  check(value: unknown): void;
  merge(superior: unknown, subordinate: unknown): unknown;
  apply(parameter: ParameterValue, value: unknown): ParameterValue;
}

/** A stranger's value in a message: short, without control or bidirectional characters. Only shown once it is known to be JSON. */
const show = (value: unknown): string => {
  const text = (isJson(value) ? JSON.stringify(value) : undefined) ?? `what is no JSON value (${typeof value})`;
  return (text.length > 120 ? `${text.slice(0, 120)}…` : text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
};
const type = (detail: string): never => {
  throw new PolicyFault('policy_operator_type', detail);
};
const cannotMerge = (detail: string): never => {
  throw new PolicyFault('policy_merge', detail);
};
const violated = (detail: string): never => {
  throw new PolicyFault('policy_violation', detail);
};

const isEqual = (a: unknown, b: unknown): boolean => keyOf(a) === keyOf(b);
const includes = (list: readonly unknown[], value: unknown): boolean => new ValueSet(list).has(value);
const sorted = (list: readonly unknown[]): readonly string[] => list.map(keyOf).sort();
// Lists are compared as sets: the cost is the sum of their lengths, not the product.
function isSubset(small: readonly unknown[], large: readonly unknown[]): boolean {
  const values = new ValueSet(large);
  return small.every((one) => values.has(one));
}
function intersection(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  const values = new ValueSet(b);
  return a.filter((one) => values.has(one));
}
/** `list` as it is, then each of `more` that it lacks, once: what the entity lists twice is its own affair (MP-10). */
function append(list: readonly unknown[], more: readonly unknown[]): unknown[] {
  const values = new ValueSet(list);
  const all = [...list];
  for (const one of more) {
    if (values.has(one)) continue;
    values.add(one);
    all.push(one);
  }
  return all;
}
const union = (a: readonly unknown[], b: readonly unknown[]): unknown[] => append(append([], a), b);

/** A string, a number or an object, as JSON has them: `1e400` is read as a number that nobody can write again. */
const isScalar = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value)) || (isObject(value) && isJson(value));

function checkJson(name: string, value: unknown): void {
  if (!isJson(value)) type(`${name} takes a JSON value nested at most ${MAX_JSON_DEPTH} levels deep`);
}
/** add, one_of, subset_of, superset_of: arrays of strings, objects or numbers (MP-19). */
function checkArray(name: string, value: unknown): void {
  if (!Array.isArray(value) || !value.every(isScalar)) type(`${name} takes an array of strings, numbers or objects, not ${show(value)}`);
}
function parameterArray(name: string, parameter: unknown): readonly unknown[] {
  if (!Array.isArray(parameter) || !parameter.every(isScalar))
    type(`${name} needs an array of strings, numbers or objects, the parameter is ${show(parameter)}`);
  return parameter as readonly unknown[];
}
function mergeEqual(name: string, superior: unknown, subordinate: unknown): unknown {
  if (isEqual(superior, subordinate)) return superior;
  const reordered = Array.isArray(superior) && Array.isArray(subordinate) && isEqual(sorted(superior), sorted(subordinate));
  // U8: the standard does not say whether order matters; strict equality is the safe reading, the near miss is named.
  return cannotMerge(`${name} is ${show(superior)} above and ${show(subordinate)} below${reordered ? ': same elements in another order' : ''}`);
}

/**
 * The seven standard operators (OpenID Federation 1.0 §6.1.3.1), each with the JSON types it supports, how two values
 * of it merge, and what it does to a parameter. An operator reports a fault by throwing `PolicyFault`.
 * In the order in which they run (§6.1.4.2).
 */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  [
    'value',
    {
      check: (value) => checkJson('value', value), // every JSON type, null included
      merge: (superior, subordinate) => mergeEqual('value', superior, subordinate),
      apply: (_parameter, value) => (value === null ? undefined : value),
    },
  ],
  [
    'add',
    {
      check: (value) => checkArray('add', value),
      merge: (superior, subordinate) => union(superior as unknown[], subordinate as unknown[]),
      apply: (parameter, value) => append(parameter === undefined ? [] : parameterArray('add', parameter), value as unknown[]),
    },
  ],
  [
    'default',
    {
      check(value) {
        if (value === null) type('default takes no null');
        checkJson('default', value);
      },
      merge: (superior, subordinate) => mergeEqual('default', superior, subordinate),
      apply: (parameter, value) => (parameter === undefined ? value : parameter),
    },
  ],
  [
    'one_of',
    {
      check: (value) => checkArray('one_of', value),
      merge(superior, subordinate) {
        const both = intersection(superior as unknown[], subordinate as unknown[]);
        return both.length ? both : cannotMerge(`one_of ${show(superior)} and ${show(subordinate)} share no value`);
      },
      apply(parameter, value) {
        if (parameter === undefined) return parameter;
        if (!isScalar(parameter)) type(`one_of needs a string, number or object, the parameter is ${show(parameter)}`);
        return includes(value as unknown[], parameter) ? parameter : violated(`${show(parameter)} is none of ${show(value)}`);
      },
    },
  ],
  [
    'subset_of',
    {
      check: (value) => checkArray('subset_of', value),
      merge: (superior, subordinate) => intersection(superior as unknown[], subordinate as unknown[]),
      // An empty result stays as []: it is present and satisfies `essential` (MP-16).
      apply: (parameter, value) => (parameter === undefined ? parameter : intersection(parameterArray('subset_of', parameter), value as unknown[])),
    },
  ],
  [
    'superset_of',
    {
      check: (value) => checkArray('superset_of', value),
      merge: (superior, subordinate) => union(superior as unknown[], subordinate as unknown[]),
      apply(parameter, value) {
        if (parameter === undefined) return parameter;
        const has = isSubset(value as unknown[], parameterArray('superset_of', parameter));
        return has ? parameter : violated(`${show(parameter)} lacks some of ${show(value)}`);
      },
    },
  ],
  [
    'essential',
    {
      check(value) {
        if (typeof value !== 'boolean') type(`essential takes true or false, not ${show(value)}`);
      },
      merge: (superior, subordinate) => superior === true || subordinate === true,
      apply: (parameter, value) => (value === true && parameter === undefined ? violated('the parameter is essential and absent') : parameter),
    },
  ],
]);

/** Operators of one parameter by name; unknown operators that nobody declared critical are already gone. */
export type Operators = Readonly<Record<string, unknown>>;

/**
 * `scope` counts as an array of its space-separated values (§6.1.3.1.8). `one_of` keeps comparing the whole string:
 * it does not support arrays.
 */
export const splitScope = (name: string, value: unknown): unknown => (name === 'scope' && typeof value === 'string' ? value.split(' ').filter(Boolean) : value);

const no = (detail: string): never => {
  throw new PolicyFault('policy_combination', detail);
};

/** Refuse operators that may not stand together, or whose condition fails (§6.1.3.1.1 to §6.1.3.1.6). */
export function checkCombination(parameter: string, operators: Operators): void {
  const has = (name: string) => Object.hasOwn(operators, name);
  const list = (name: string) => operators[name] as readonly unknown[];
  if (has('value')) checkValue(parameter, operators);
  if (has('one_of')) {
    for (const name of ['add', 'subset_of', 'superset_of']) if (has(name)) no(`one_of does not combine with ${name}`);
  }
  if (has('subset_of')) {
    for (const name of ['add', 'superset_of']) {
      if (has(name) && !isSubset(list(name), list('subset_of'))) no(`${name} ${show(list(name))} is outside subset_of ${show(list('subset_of'))}`);
    }
  }
}

/** What `value` says has to hold for every other operator too: it is checked, never trimmed (§6.1.3.1.1). */
function checkValue(parameter: string, operators: Operators): void {
  const has = (name: string) => Object.hasOwn(operators, name);
  const list = (name: string) => operators[name] as readonly unknown[];
  const value = splitScope(parameter, operators['value']);
  if (value === null && has('default')) no('value null does not combine with default');
  if (value === null && operators['essential'] === true) no('value null does not combine with essential true');
  if (has('one_of') && !includes(list('one_of'), operators['value'])) no(`value ${show(value)} is none of one_of ${show(list('one_of'))}`);
  for (const name of ['add', 'superset_of']) {
    if (has(name) && !(Array.isArray(value) && isSubset(list(name), value))) no(`value ${show(value)} lacks values of ${name} ${show(list(name))}`);
  }
  if (has('subset_of') && !(Array.isArray(value) && isSubset(value, list('subset_of'))))
    no(`value ${show(value)} is no subset of subset_of ${show(list('subset_of'))}`);
}
