import type { Command, Option } from 'commander';
import { CliError } from './client.js';
import { didYouMean } from '../federation/nearest.js';

/** A key identifier of ours: an RFC 7638 thumbprint, which begins with `-` in one of 64 and with `--` in one of 4096. No option is as long. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

const HELP = new Set(['-h', '--help']);

/** Options that hold at a command: its own and those of the commands above it. */
const optionsAt = (command: Command): readonly Option[] => (command.parent ? [...command.options, ...optionsAt(command.parent)] : command.options);

const usage = (message: string): CliError => new CliError(2, message, [], 'usage');

/** `holdfast member enroll`. */
const nameOf = (command: Command): string => (command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name());

interface Taken {
  /** As commander reads it without doubt. */
  readonly words: readonly string[];
  /** How many words of the input that was. */
  readonly used: 1 | 2;
}

/**
 * An option that is known, with its value. A value that is itself the name of an option is one forgotten: `--reason=--json` says otherwise.
 * @throws CliError
 */
function takeOption(word: string, next: string | undefined, options: readonly Option[]): Taken | undefined {
  if (HELP.has(word)) return { words: [word], used: 1 };
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  const name = equals < 0 ? word : word.slice(0, equals);
  const option = options.find(({ short, long }) => name === short || name === long);
  if (!option) return undefined;
  if (equals >= 0 && !option.required && !option.optional) throw usage(`option '${name}' takes no value`);
  if (equals >= 0 || !option.required) return { words: [word], used: 1 };
  if (next === undefined || next === '--' || HELP.has(next) || options.some(({ long }) => next === long))
    throw usage(`option '${option.flags}' argument missing${next === undefined ? '' : `; a value that begins with a dash is written ${name}=…`}`);
  return { words: option.long ? [`${option.long}=${next}`] : [word, next], used: 2 };
}

/** `-json`: an option that was meant, not an identifier. */
const misspelt = (word: string, options: readonly Option[]): boolean => options.some(({ long }) => long === `-${word.split('=')[0]}`);

interface Plain {
  readonly word: string;
  readonly dashed: boolean;
}

/**
 * The arguments of a command: those that begin with a dash too, while there is a place for them.
 * @throws CliError for what is an option then, and none that is known
 */
function placedAt(at: Command, plain: readonly Plain[], unknown: readonly string[]): readonly string[] {
  const { registeredArguments: places } = at;
  let free = places.some(({ variadic }) => variadic) ? Infinity : places.length - plain.filter(({ dashed }) => !dashed).length;
  const placed = plain.filter(({ dashed }) => !dashed || free-- > 0);
  const [first] = [...unknown, ...plain.filter((one) => !placed.includes(one)).map(({ word }) => word)];
  if (first !== undefined) {
    const known = optionsAt(at).flatMap(({ long, hidden }) => (long && !hidden ? [long] : []));
    throw usage(`unknown option '${first}'${didYouMean(first.split('=')[0] ?? '', known)}. See: ${nameOf(at)} --help`);
  }
  return placed.map(({ word }) => word);
}

/**
 * What was typed, in an order in which nothing can be mistaken: commands, options, `--`, arguments. An argument may begin with
 * `-`, as identifiers of random characters do, while there is a place for it; what has none is an unknown option.
 * @returns the words as they were, where they name no command or ask for help
 * @throws CliError for an unknown option, and one without its value
 */
export function unambiguous(program: Command, words: readonly string[]): readonly string[] {
  let at = program;
  const path: string[] = [];
  const options: string[] = [];
  const unknown: string[] = [];
  const plain: Plain[] = [];
  const end = words.indexOf('--');
  if (words.some((word, n) => HELP.has(word) && (end < 0 || n < end))) return words;
  for (let n = 0; n < words.length; ) {
    const word = words[n] ?? '';
    if (word === '--') {
      plain.push(...words.slice(n + 1).map((one) => ({ word: one, dashed: false })));
      break;
    }
    const known = optionsAt(at);
    const taken = word.startsWith('-') ? takeOption(word, words[n + 1], known) : undefined;
    const below = taken || plain.length ? undefined : at.commands.find((one) => one.name() === word);
    const dashed = word.length > 1 && word.startsWith('-');
    if (taken) options.push(...taken.words);
    else if (below) {
      at = below;
      path.push(word);
    } else if (dashed && (word.startsWith('--') ? !THUMBPRINT.test(word) : misspelt(word, known))) unknown.push(word);
    else if (at.commands.length && at.registeredArguments.length === 0 && !dashed) {
      if (word === 'help') return words;
      const names = at.commands.map((one) => one.name());
      throw usage(`unknown command '${word}'${didYouMean(word, names)}. See: ${nameOf(at)} --help`);
    } else plain.push({ word, dashed });
    n += taken?.used ?? 1;
  }
  const placed = placedAt(at, plain, unknown);
  return [...path, ...options, ...(placed.length ? ['--', ...placed] : [])];
}
