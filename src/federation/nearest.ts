/** How many letters lie between two words: changed, left out, put in, or two that changed places. */
function distance(a: string, b: string): number {
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, n) => n)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min((last?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last?.[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j] ?? 0, (before?.[j - 2] ?? 0) + 1);
    }
    [before, last] = [last ?? [], row];
  }
  return last?.[b.length] ?? a.length;
}

/** Longer words are nobody's slip of the finger. */
const MAX_WORD = 40;
const bare = (word: string): string => word.replace(/^-+/, '').toLowerCase();

/** How far a typing error has to go to be a known word; one that is the beginning of it, or has it as its beginning, is near. */
function away(word: string, known: string): number {
  const begins = word.length > 2 && (known.startsWith(word) || word.startsWith(`${known}_`));
  return begins ? Math.min(1, distance(word, known)) : distance(word, known);
}

/** The known words that a typing error may have meant: one letter of three wrong is another word. Nothing where none is near. */
export function nearest(word: string, known: readonly string[]): readonly string[] {
  const typed = bare(word);
  if (word.length > MAX_WORD || typed.length < 2) return [];
  const far = known.map((one) => ({ one, far: away(typed, bare(one)) }));
  const least = Math.min(...far.map((one) => one.far));
  if (least > Math.max(1, Math.floor((typed.length - 1) / 3))) return [];
  return [...new Set(far.filter((one) => one.far === least).map(({ one }) => one))].sort();
}

/** ` (did you mean member?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near.length ? ` (did you mean ${near.join(' or ')}?)` : '';
}
