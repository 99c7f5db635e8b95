import { distance } from '../federation/nearest.js';

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
