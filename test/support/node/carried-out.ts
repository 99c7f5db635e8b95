import type { NodeStore } from '../../../src/store/store.node.js';

type Carrying = Record<'all' | 'get' | 'run' | 'iterate', (this: { readonly source: string }, ...params: unknown[]) => unknown>;

/**
 * The statements that the store's connections carry out while something runs, each once: most of them were prepared before.
 * @param each is told of every time
 */
export async function carriedOut(
  { reader }: Pick<NodeStore, 'reader'>,
  act: () => Promise<unknown>,
  each: (sql: string) => void = () => undefined,
): Promise<readonly string[]> {
  const statements = Object.getPrototypeOf(reader.prepare('SELECT 1')) as Carrying;
  const seen = new Set<string>();
  const names = ['all', 'get', 'run', 'iterate'] as const;
  const were = names.map((name) => statements[name]);
  for (const name of names) {
    const carryOut = statements[name];
    statements[name] = function (...params) {
      seen.add(this.source);
      each(this.source);
      return carryOut.apply(this, params);
    };
  }
  try {
    await act();
  } finally {
    for (const [n, name] of names.entries()) statements[name] = were[n] as Carrying['all'];
  }
  return [...seen];
}
