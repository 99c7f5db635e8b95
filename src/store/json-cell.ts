/**
 * What a JSON column holds, read. A damaged cell does not keep its row from being read: whoever needs just that cell fails,
 * everybody else goes on, above all a cut. Written back it stays as it was.
 */
const HELD = new WeakMap<object, unknown>();

/** Stands for what cannot be read: every look at it throws. */
function unreadable(name: string, held: unknown): object {
  const fail = (): never => {
    throw new SyntaxError(`the column ${name} of a row holds no JSON`);
  };
  const cell = new Proxy(
    {},
    { get: fail, has: fail, ownKeys: fail, getOwnPropertyDescriptor: fail, getPrototypeOf: fail, set: fail, defineProperty: fail, deleteProperty: fail },
  );
  HELD.set(cell, held);
  return cell;
}

/** @returns the value, or what throws SyntaxError at every look into it */
export function readCell(name: string, held: unknown): unknown {
  try {
    // What is nothing is NULL, and never the word.
    const value: unknown = typeof held === 'string' ? JSON.parse(held) : null;
    if (value !== null) return value;
  } catch {
    // told to whoever looks at it
  }
  return unreadable(name, held);
}

export const writeCell = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && HELD.has(value) ? HELD.get(value) : JSON.stringify(value);
