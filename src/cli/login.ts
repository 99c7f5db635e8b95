import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { readUrl } from '../federation/read-url.js';
import { whoAmI } from './answers.js';
import { CliError, createClient } from './client.js';
import { contextNamed, contextsFile, readContexts, changeContexts } from './contexts.js';
import { EXIT } from './exit-codes.js';
import { readInput } from './input.js';
import { ask, green, out, table, talk } from './output.js';
import { show } from './shell.js';

/** A key is one line. */
const MAX_TOKEN_BYTES = 4096;

const isJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;

/** The key, never from the command line, where every user of the machine reads it. */
async function tokenFrom(file: string | undefined): Promise<string> {
  const token = file !== undefined || !process.stdin.isTTY ? readInput(file ?? '-', MAX_TOKEN_BYTES) : await typed();
  if (!/^[\x21-\x7e]{1,512}$/.test(token.trim()))
    throw new CliError(EXIT.usage, 'this is no API key: type it, pipe it in, or name its file with --token-file', [], 'no_api_key');
  return token.trim();
}

/** Typed at a terminal, and not shown there. */
async function typed(): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: unseen, terminal: true });
  prompt.once('SIGINT', () => process.exit(EXIT.interrupted));
  // From here on the terminal echoes nothing.
  ask('API key (it is not shown): ');
  try {
    return await prompt.question('');
  } finally {
    prompt.close();
    talk('');
  }
}

/** @throws CliError */
function originOf(url: string | undefined): string {
  const read = url === undefined ? undefined : readUrl(url);
  if (!read) throw new CliError(EXIT.usage, 'say where the server is: holdfast login --url https://federation.example.org', [], 'usage');
  return read.origin;
}

async function login(name: string | undefined, options: { readonly tokenFile?: string }, command: Command): Promise<void> {
  const url = originOf(command.optsWithGlobals<{ url?: string }>().url ?? (process.env['HOLDFAST_URL'] || undefined));
  const token = await tokenFrom(options.tokenFile);
  const me = await whoAmI(createClient({ url, token }));
  const at = name ?? new URL(url).host;
  await changeContexts(({ contexts }) => ({ current: at, contexts: { ...contexts, [at]: { url, token } } }));
  show(isJson(command), { context: at, url, id: me.id, role: me.role, file: contextsFile() }, () =>
    talk(`${green('Signed in')} at ${url} as ${me.id} (${me.role}); context ${at} is in use. The key is kept in ${contextsFile()}`),
  );
}

async function logout(name: string | undefined, _options: object, command: Command): Promise<void> {
  const at = name ?? readContexts().current;
  if (at === null) throw new CliError(EXIT.usage, 'which context? There is none in use: holdfast context list', [], 'no_such_context');
  await changeContexts((all) => {
    contextNamed(at, all);
    const { [at]: _gone, ...rest } = all.contexts;
    return { current: all.current === at ? null : all.current, contexts: rest };
  });
  show(isJson(command), { context: at, removed: true }, () =>
    talk(`The key of ${at} is kept here no longer. It is still in force: holdfast api-key revoke <id> ends it`),
  );
}

/** `login`, `logout` and `context`: servers and keys of a person, kept in one file. */
export function contextCommands(program: Command): void {
  program
    .command('login [name]')
    .description('keep the URL and API key of a server, under a name, and use them from then on')
    .option('--token-file <file>', 'file that holds the API key (- for standard input); without it the key is asked for, or read from standard input')
    .addHelpText(
      'after',
      '\nWhich server a command speaks to: --url, --context, HOLDFAST_URL, then the data folder when one is named (--data, HOLDFAST_DATA), the context in use, and ./data.',
    )
    .action(login);
  program.command('logout [name]').description('forget a context and its key; default: the one in use').action(logout);
  const context = program.command('context').description('the servers you are signed in to');
  context
    .command('list')
    .description('all of them; never their keys')
    .action((_options: object, command: Command) => {
      const { current, contexts } = readContexts();
      const items = Object.entries(contexts).map(([name, { url }]) => ({ name, url, in_use: name === current }));
      show(isJson(command), { items, next_cursor: null }, () =>
        items.length
          ? out(
              table(
                ['', 'context', 'server'],
                items.map((one) => [one.in_use ? '*' : '', one.name, one.url]),
              ),
            )
          : talk('No contexts yet. Make one: npx holdfast login --url <url>'),
      );
    });
  context
    .command('use <name>')
    .description('use it where nothing else says which')
    .action(async (name: string, _options: object, command: Command) => {
      const { url } = contextNamed(name, readContexts());
      await changeContexts((all) => ({ ...all, current: contextNamed(name, all) && name }));
      show(isJson(command), { context: name, url }, () => talk(`${name} is in use: ${url}`));
    });
  context
    .command('show [name]')
    .description('one of them; default: the one in use')
    .action((name: string | undefined, _options: object, command: Command) => {
      const all = readContexts();
      const at = name ?? all.current;
      if (at === null) throw new CliError(EXIT.usage, 'no context is in use: holdfast context use <name>', [], 'no_such_context');
      const { url } = contextNamed(at, all);
      show(isJson(command), { context: at, url, in_use: at === all.current, file: contextsFile() }, () => out(`${at}  ${url}`));
    });
}
