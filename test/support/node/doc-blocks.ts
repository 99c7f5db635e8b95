import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FILE } from './walked-text.js';

export interface Block {
  /** Of the document. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** What it is called, where it begins with the name of a file. */
  readonly file: string | undefined;
}

const whole = (document: string): string => readFileSync(fileURLToPath(new URL(`../../../${document}`, import.meta.url)), 'utf8');

/** The blocks of code of a document. */
export function blocksOf(document: string): readonly Block[] {
  const text = whole(document);
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: code = '' }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    language,
    text: code,
    file: FILE.exec(code.split('\n')[0] ?? '')?.[1],
  }));
}

/** The one block of JavaScript that has these words. @throws where there are none, or several */
export function docBlock(document: string, words: string): string {
  const found = blocksOf(document).filter(({ language, text }) => language === 'js' && text.includes(words));
  if (found.length !== 1 || !found[0]) throw new Error(`${document} has ${found.length} blocks with ${words}`);
  return found[0].text;
}

/**
 * Run a block of a document as it stands. What it imports, and the names that it takes for granted, are given; a name that is missing
 * is an error, as it is for a reader.
 * @param result what to make of it at its end, an expression
 */
export async function runBlock(code: string, given: Readonly<Record<string, unknown>>, result = 'undefined'): Promise<unknown> {
  for (const [, names = ''] of code.matchAll(/^import (.*) from .*$/gm))
    for (const name of names.match(/\w+/g) ?? []) if (!Object.hasOwn(given, name)) throw new Error(`the block imports ${name}`);
  const body = code.replaceAll(/^import .*$/gm, '');
  const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => (...values: unknown[]) => Promise<unknown>;
  return new AsyncFunction(...Object.keys(given), `${body}\nreturn (${result});`)(...Object.values(given));
}
