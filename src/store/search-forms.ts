import { readUrl } from '../federation/read-url.js';

const OUTSIDE_ASCII = /[^\p{ASCII}]/u;
const LABEL = /[\p{L}\p{M}\p{N}-]+/gu;
const FOREIGN_LETTERS = /[^\p{ASCII}]+/gu;
const FIRST_LETTERS = /(?<![\p{L}\p{M}])\p{L}/gu;

/** A label of a host as the standard writes it: entity identifiers are ASCII, so `bücher` stands there as `xn--bcher-kva`. */
function inAscii(label: string): string {
  if (!OUTSIDE_ASCII.test(label)) return label;
  const host = readUrl(`https://${label}.x/`)?.hostname ?? '';
  return host.endsWith('.x') && host.startsWith('xn--') ? host.slice(0, -2) : label;
}

/**
 * What to look for when somebody types a text, in a column whose ASCII letters are made small. SQLite knows the case of no other
 * letters, so those are looked for small, large, and large at the beginning of words; composed and not. A host is looked for in
 * its xn-- form, label by label: of a part of a label nothing can be said.
 */
export function searchForms(text: string): readonly string[] {
  const small = text.toLowerCase();
  if (!OUTSIDE_ASCII.test(text)) return [small];
  const large = small.replace(FOREIGN_LETTERS, (letters) => letters.toUpperCase());
  const title = small.replace(FIRST_LETTERS, (letter) => (OUTSIDE_ASCII.test(letter) ? letter.toUpperCase() : letter));
  const asIs = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const written = [small, large, title, asIs].flatMap((one) => [one.normalize('NFC'), one.normalize('NFD')]);
  return [...new Set([...written, small.replace(LABEL, inAscii)])];
}
