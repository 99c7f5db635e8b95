/** Texts longer than this (characters) are not kept, and so many are. */
const MAX_LENGTH = 256;
const MOST = 2048;

/**
 * What a pure function says of a text, kept for a while: of one identifier the same is asked a dozen times within a millisecond.
 * When there are too many all of them are forgotten. `undefined` is not kept.
 */
export function keptTexts<V>(of: (text: string) => V | undefined): (text: string) => V | undefined {
  const known = new Map<string, V>();
  return (text) => {
    if (text.length > MAX_LENGTH) return of(text);
    const kept = known.get(text);
    if (kept !== undefined) return kept;
    const found = of(text);
    if (found === undefined) return undefined;
    if (known.size >= MOST) known.clear();
    known.set(text, found);
    return found;
  };
}
