import { clean, composed, dim, green, lines, red } from '../../../cli/output.js';

const WIDTH = 80;
const LABEL = 9;
const INDENT = 4 + LABEL;

/** What is said within a step. A text may be long: it is broken between words, and within none. */
export interface Saying {
  /** What went over the wire, and from whom. */
  sent(text: string): void;
  /** What was looked at before anything was decided. */
  checked(text: string): void;
  /** What came of it. */
  got(text: string): void;
  /** What was refused, and with what. */
  refused(text: string): void;
  /** More of what was said last. */
  more(text: string): void;
  note(text: string): void;
}

export interface Narrator {
  say(text: string): void;
  /** Tell a step: its title first, what is said within it, and how long it took. What fails within it is told to have failed there. */
  step<T>(title: string, act: (say: Saying) => Promise<T>): Promise<T>;
  /** The step that is told now, or was last. */
  readonly current: string;
}

/** A text in lines of at most so many characters; a word that is longer has a line of its own. */
export function wrapped(text: string, width: number): readonly string[] {
  const all: string[] = [];
  for (const part of text.split('\n')) {
    // What fits stays as it was written, columns and all.
    if (part.length <= width) {
      all.push(part);
      continue;
    }
    let line = '';
    for (const word of part.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        all.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    all.push(line);
  }
  return all;
}

/** Milliseconds for people. */
export const took = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** @param print is given whole lines, without the line feed at their end */
export function createNarrator(print: (text: string) => void): Narrator {
  let count = 0;
  let current = 'before the first step';
  const put = (text: string): void => print(composed(text));
  const labelled =
    (label: string, color: (text: string) => string) =>
    (text: string): void => {
      // What others wrote is one line, and paints nothing.
      const [first = '', ...more] = text.split('\n').flatMap((line) => wrapped(clean(line), WIDTH - INDENT));
      put(lines([`    ${color(label.padEnd(LABEL))}${first}`, ...more.map((line) => `${' '.repeat(INDENT)}${line}`)]));
    };
  const saying: Saying = {
    sent: labelled('sent', dim),
    checked: labelled('checked', dim),
    got: labelled('got', green),
    refused: labelled('refused', red),
    more: labelled('', dim),
    note: labelled('', dim),
  };
  return {
    say: (text) => {
      for (const line of wrapped(clean(text), WIDTH)) put(line);
    },
    async step(title, act) {
      current = `${++count}. ${title}`;
      put('');
      const [first = '', ...more] = wrapped(clean(title), WIDTH - 4);
      put(lines([`${String(count).padStart(2)}. ${first}`, ...more.map((line) => `    ${line}`)]));
      const began = performance.now();
      const result = await act(saying);
      put(`    ${dim('took'.padEnd(LABEL))}${took(performance.now() - began)}`);
      return result;
    },
    get current() {
      return current;
    },
  };
}
