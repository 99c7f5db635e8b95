/** How many letters have to be put in, taken out, exchanged, or swapped with their neighbour, to make one word the other. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, n) => n)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (rows[i - 1]?.[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (rows[i - 1]?.[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (rows[i - 2]?.[j - 2] ?? 0) + 1 : Infinity,
      );
    }
  }
  return rows[a.length]?.[b.length] ?? 0;
}

/** The words that a typing error may have meant: one letter of three wrong is another word. Nothing where none is near. */
export function nearest(word: string, known: readonly string[]): readonly string[] {
  if (word.length > 40) return [];
  const bare = word.replace(/^-+/, '');
  const far = known.map((one) => ({ one, away: distance(bare, one.replace(/^-+/, '')) }));
  const least = Math.min(...far.map(({ away }) => away));
  if (least > Math.max(1, Math.floor((bare.length - 1) / 3)) || bare.length < 2) return [];
  return [...new Set(far.filter(({ away }) => away === least).map(({ one }) => one))].sort();
}

/** ` (did you mean member?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near.length ? ` (did you mean ${near.join(' or ')}?)` : '';
}
