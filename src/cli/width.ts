const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Shown in two places by terminals: East Asian wide and full-width characters, and emoji. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]|\p{Emoji}\ufe0f/u;
/** Half-width forms of wide scripts. */
const HALF = /^[\uff61-\uffdc\uffe8-\uffee]/;
/** Nothing but marks that are put on the character before. */
const MARKS = /^[\p{Mn}\p{Me}]+$/u;
const PLAIN = /^[\x20-\x7e]*$/;

const widthOf = (grapheme: string): number => (MARKS.test(grapheme) ? 0 : WIDE.test(grapheme) && !HALF.test(grapheme) ? 2 : 1);

/** Places that a text takes on a terminal. */
export function widthOfText(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let sum = 0;
  for (const { segment } of graphemes.segment(text)) sum += widthOf(segment);
  return sum;
}

/** As much of a text as has room, in whole characters. */
export function startOf(text: string, room: number): string {
  if (PLAIN.test(text)) return text.slice(0, room);
  let kept = '';
  let left = room;
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) return kept;
    kept += segment;
  }
  return kept;
}

/** No column is made narrower. */
const LEAST = 6;

/** Widths of columns that fit a line, the widest cut first. Where they cannot, as narrow as they may be. */
export function fitted(widths: readonly number[], room: number, whole: readonly boolean[]): readonly number[] {
  const fit = widths.map((one, n) => (whole[n] ? one : Math.min(one, Math.max(room, LEAST))));
  let over = fit.reduce((sum, one) => sum + one, 0) - room;
  for (; over > 0; over--) {
    const cuttable = fit.map((one, n) => (whole[n] || one <= LEAST ? -1 : one));
    const widest = Math.max(...cuttable);
    if (widest < 0) break;
    const at = cuttable.lastIndexOf(widest);
    fit[at] = widest - 1;
  }
  return fit;
}
