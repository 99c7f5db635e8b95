import type { Command } from 'commander';
import { createProgram } from '../../../src/platform/program.node.js';

/** A command that does something, with the words that name it. */
export interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
}

const acts = (command: Command): boolean => Boolean((command as unknown as { readonly _actionHandler: unknown })._actionHandler);

/** Every command of a program that does something. */
export const leaves = (command: Command, path: readonly string[] = []): readonly Leaf[] => [
  ...(acts(command) ? [{ path, command }] : []),
  ...command.commands.flatMap((below) => leaves(below, [...path, below.name()])),
];

/** Something of the right kind for each placeholder, where a command checks it. */
const SAMPLES: Readonly<Record<string, string>> = {
  'entity-id': 'https://rp.example.org',
  member: 'https://rp.example.org',
  version: '1',
  n: '1',
  seq: '1',
  duration: '1h',
  time: '2030-01-01',
};
export const sample = (placeholder: string): string => SAMPLES[placeholder] ?? 'x';
export const placeholderOf = (flags: string): string => (/[<[]([^>\]|.]+)/.exec(flags)?.[1] ?? '').trim();

/** The options without which a command does nothing. */
export const needed = ({ options }: Command): readonly string[] =>
  options.filter(({ mandatory }) => mandatory).flatMap(({ long, flags }) => [long ?? '', sample(placeholderOf(flags))]);

/** What is sent to an action, without doing it: arguments, then options. */
export type Heard = readonly unknown[];

/** A program whose commands do nothing but tell what they were given. */
export function deaf(): { readonly program: Command; heard: Heard | undefined } {
  const told: { program: Command; heard: Heard | undefined } = { program: createProgram(), heard: undefined };
  for (const { command } of leaves(told.program))
    command.action((...given: unknown[]) => {
      told.heard = given.slice(0, -1);
    });
  const quiet = (one: Command): void => {
    one.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    for (const below of one.commands) quiet(below);
  };
  quiet(told.program);
  return told;
}
