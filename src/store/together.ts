/** What an operation brings to reads that it makes together with others of its kind. */
export interface Brought {
  readonly kind: symbol;
  readonly one: unknown;
}

/**
 * What operations share that are decided at one head, in one process: as many as share a transaction. Each may read alone
 * instead, and has to where what it shares cannot be read: a damaged cell of one must not keep the others.
 */
export interface Together {
  readonly brought: readonly Brought[];
  /** Of that what is to be written together, too (units.ts). */
  readonly joined: readonly Brought[];
  /** Read by whoever asks first, behind the lock as anything else; the others are given the same. @param what a name for it */
  once<V>(what: string, read: () => Promise<V>): Promise<V>;
}

export function togetherOf(requests: readonly { readonly brings?: Brought | undefined; readonly alone?: boolean }[]): Together {
  const found = new Map<string, Promise<unknown>>();
  return {
    brought: requests.flatMap(({ brings }) => brings ?? []),
    joined: requests.flatMap(({ brings, alone }) => (brings && !alone ? [brings] : [])),
    once<V>(what: string, read: () => Promise<V>): Promise<V> {
      const known = found.get(what) as Promise<V> | undefined;
      if (known) return known;
      const asked = read();
      found.set(what, asked);
      return asked;
    },
  };
}

/** What those of one kind bring, typed. */
export interface Kind<T> {
  brings(one: T): Brought;
  of(together: Together): readonly T[];
  /** Those that are to be written together. */
  joined(together: Together): readonly T[];
}

/** @param name for whoever debugs */
export function kindOf<T>(name: string): Kind<T> {
  const kind = Symbol(name);
  const ofKind = (all: readonly Brought[]) => all.flatMap((each) => (each.kind === kind ? [each.one as T] : []));
  return {
    brings: (one) => ({ kind, one }),
    of: ({ brought }) => ofKind(brought),
    joined: ({ joined }) => ofKind(joined),
  };
}
