import { type Argument, type Command, InvalidArgumentError, type Option } from 'commander';
import { expectEntityId, expectMember } from './entity-id.js';
import { readDuration, readTime } from '../federation/written-time.js';

const now = (): number => Math.floor(Date.now() / 1000);

function expected<T>(value: T | undefined, example: string): T {
  if (value === undefined) throw new InvalidArgumentError(example);
  return value;
}

const SPANS = 'Write a time such as 90d, 1h30m, 45s (w, d, h, m, s), or a number of seconds.';
const MOMENTS = 'Write a date such as 2027-01-01 (UTC), or a time such as 2027-01-01T09:00:00+01:00.';

/** Parsers for options, which say what is wrong with an example. @throws InvalidArgumentError */
export const duration = (text: string): number => expected(readDuration(text) || undefined, SPANS);
/** A duration, or a word that says there is none; the word, because commander makes an empty text of null. */
export const durationOr =
  <T extends string>(none: T) =>
  (text: string): number | T =>
    text === none ? none : expected(readDuration(text) || undefined, `${SPANS} Or "${none}".`);
/** A moment, or how far it is from now, with its unit: a bare 2027 would be half an hour. */
export const timeOrDuration = (text: string): number => {
  const span = /^\d+$/.test(text) ? undefined : readDuration(text);
  return expected(readTime(text) ?? (span ? now() + span : undefined), `${MOMENTS} Or how far it is away: 90d.`);
};
export const whole = (text: string): number => expected(/^\d{1,9}$/.test(text) ? Number(text) : undefined, 'Write a whole number, such as 10.');

/** A switch that can be put either way. */
export const onOff = (text: string): boolean => expected(text === 'on' ? true : text === 'off' ? false : undefined, 'Write on or off.');

/** Named by their placeholder, and only checked: the command gets the text. */
const CHECKS: Readonly<Record<string, (text: string) => unknown>> = {
  n: whole,
  seq: whole,
  version: whole,
  'entity-id': expectEntityId,
  member: expectMember,
};

type Parse = (text: string, before: unknown) => unknown;
interface Parsed {
  readonly parseArg?: Parse;
}

/** The commands that take a member, and call it id. */
const isMembers = (command: Command): boolean => command.name() === 'member' || (command.parent !== null && isMembers(command.parent));

function check(one: Option | Argument, kind: string, optional: boolean): void {
  const expect = Object.hasOwn(CHECKS, kind) ? CHECKS[kind] : undefined;
  const { parseArg } = one as Parsed;
  // What has a parser of its own reads a value; one that collects only keeps it.
  if (!expect || (parseArg && kind !== 'entity-id')) return;
  one.argParser((text: string, before: unknown) => {
    if (text !== '' || !optional) expect(text);
    if (parseArg) return parseArg(text, before);
    return one.variadic ? [...(Array.isArray(before) ? (before as unknown[]) : []), text] : text;
  });
}

/** Have every value checked that is of a kind, whatever command takes it: the placeholder in the help says which. */
export function checkKinds(command: Command): void {
  for (const option of command.options) check(option, /<([^>]+)>/.exec(option.flags)?.[1] ?? '', true);
  for (const argument of command.registeredArguments) check(argument, argument.name() === 'id' && isMembers(command) ? 'member' : argument.name(), false);
  for (const below of command.commands) checkKinds(below);
}
