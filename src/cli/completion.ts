import type { Command } from 'commander';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { multiline, out } from './output.js';

interface Place {
  /** `member enroll`. */
  readonly path: string;
  readonly words: readonly Word[];
}
interface Word {
  readonly word: string;
  readonly about: string;
  /** An option with a value, which may be a file. */
  readonly valued?: boolean;
}

/** What may stand next, at the program and at each of its commands. */
function places(command: Command, path: readonly string[] = []): readonly Place[] {
  const own = [...command.options, ...(command.parent ? rootOf(command).options : [])].filter(({ hidden, long }) => !hidden && long);
  const words = [
    ...command.commands.map((one) => ({ word: one.name(), about: one.description() })),
    ...own.map(({ long, description, required, optional }) => ({ word: long ?? '', about: description, valued: required || optional })),
    { word: '--help', about: 'show help' },
  ];
  return [{ path: path.join(' '), words }, ...command.commands.flatMap((one) => places(one, [...path, one.name()]))];
}
const rootOf = (command: Command): Command => (command.parent ? rootOf(command.parent) : command);

const short = (about: string): string => (about.split(/[.;:](?:\s|$)/)[0] ?? '').replace(/[^\p{L}\p{N} ,()<>/_.=’'-]/gu, '').trim();
const cases = (all: readonly Place[]): string =>
  all.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`).join('\n');

/** The commands typed so far name a place: words that name none, such as identifiers, are passed over. */
const BASH = (all: readonly Place[]) => `_holdfast_words() {
  case "$1" in
${cases(all)}
    *) return 1 ;;
  esac
  echo "$words"
}
_holdfast() {
  local path='' word words n
  COMPREPLY=()
  for ((n = 1; n < COMP_CWORD; n++)); do
    word="\${COMP_WORDS[n]}"
    case "$word" in -*) continue ;; esac
    if _holdfast_words "\${path:+$path }$word" > /dev/null; then path="\${path:+$path }$word"; fi
  done
  words="$(_holdfast_words "$path")"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _holdfast holdfast`;

const ZSH = (all: readonly Place[]) => `#compdef holdfast
autoload -U +X bashcompinit && bashcompinit
${BASH(all)}`;

const fishQuoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
/** As in bash: words that name no place are passed over. Files are offered where no command stands next. */
const FISH = (all: readonly Place[]) =>
  [
    `function __holdfast_at
  set -l words (commandline -opc)
  set -e words[1]
  set -l path
  for word in $words
    if contains -- (string join ' ' -- $path $word) ${all.flatMap(({ path }) => (path ? [fishQuoted(path)] : [])).join(' ')}
      set -a path $word
    end
  end
  set -l at (string join ' ' -- $path)
  test "$at" = "$argv[1]"
end`,
    ...all.flatMap(({ path, words }) => {
      const here = `complete -c holdfast -n ${fishQuoted(`__holdfast_at ${fishQuoted(path)}`)}`;
      return [
        ...(words.some(({ word }) => !word.startsWith('-')) ? [`${here} -f`] : []),
        ...words.map(
          ({ word, about, valued }) =>
            `${here} ${word.startsWith('--') ? `-l ${word.slice(2)}${valued ? ' -r' : ''}` : `-a ${word}`} -d ${fishQuoted(short(about))}`,
        ),
      ];
    }),
  ].join('\n');

const SHELLS: Readonly<Record<string, (all: readonly Place[]) => string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionCommand(program: Command): void {
  program
    .command('completion <shell>')
    .description('what makes a shell complete commands and options: bash, zsh or fish')
    .action((shell: string) => {
      const make = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
      if (!make) throw new CliError(EXIT.usage, `there is no completion for ${shell}; there is one for ${Object.keys(SHELLS).join(', ')}`, [], 'usage');
      out(multiline(make(places(program))));
    });
}
