import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { CliError } from './client.js';
import { decodeJwt } from 'jose';
import { clean, green, out, red, table, talk, when } from './output.js';
import { collect, globals, readInput, show } from './shell.js';

interface Restore {
  readonly state: 'confirmed' | 'not_confirmed';
  readonly reason: 'restored' | 'went_back' | null;
  readonly since: number | null;
  readonly backup_at: number | null;
  readonly heads: readonly { authority: string; entity_id: string; seq: number; hash: string; at: number }[];
  readonly given_up: readonly { authority: string; seq: number; hash: string }[];
}

/** Heads as people compare them: in a backup, in a database, in what was published. */
export const headTable = (heads: Restore['heads']): string =>
  table(
    ['authority', 'entity identifier', 'last event', 'at', 'head'],
    heads.map((one) => [one.authority, one.entity_id, String(one.seq), when(one.at), `${one.authority}=${one.seq}:${one.hash}`]),
  );

function showState(one: Restore): void {
  if (one.state === 'confirmed') out(green('The history of this database is confirmed.'));
  else {
    const why = one.reason === 'restored' ? `It was restored ${when(one.since)}` : `Its events were found to end earlier than before, ${when(one.since)}`;
    out(red('Not confirmed: nothing is signed, and nothing of it is served.'));
    out(`${why}${one.backup_at === null ? '' : `, from a backup of ${when(one.backup_at)}`}.`);
  }
  out(headTable(one.heads));
  for (const { authority, seq, hash } of one.given_up) out(red(`was seen before and is not here: ${authority}=${seq}:${hash}`));
}

/** `<slug>=<seq>:<hash>`, as `restore status` and `backup create` print it. @throws CliError */
export function readHead(text: string) {
  const found = /^(.+)=(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim());
  if (!found) throw new CliError(2, `"${text.slice(0, 120)}" is no head; write <authority>=<number>:<hash>, as backup create prints it`);
  return { authority: found[1], seq: Number(found[2]), hash: found[3] };
}

export function restoreCommands(program: Command): void {
  const restore = program.command('restore').description('after a backup was restored: look at it and confirm it');
  restore
    .command('status')
    .description('whether the history of the database is confirmed, and where it ends')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const one = await client.get<Restore>('/restore');
      show(json, one, () => showState(one));
      if (one.state === 'not_confirmed') process.exitCode = 4;
    });
  restore
    .command('confirm')
    .description('go on with this history: it is signed anew and served')
    .option('--yes', 'the heads as shown are the newest there were')
    .option('--head <head>', 'the newest head you know, <authority>=<number>:<hash>; repeat for several', collect, [])
    .option('--known-head <file>', 'a signed head that somebody kept, as <authority>/head serves it (- for standard input); repeat for several', collect, [])
    .option('--accept-rollback', 'give up what a known head stands for and the database lacks')
    .action(async (options: { yes?: boolean; head: string[]; knownHead: string[]; acceptRollback?: boolean }, command: Command) => {
      const { client, json } = globals(command);
      const before = await client.get<Restore>('/restore');
      if (before.state === 'confirmed') return show(json, before, () => out('There is nothing to confirm.'));
      const heads = options.head.map(readHead);
      const signed = options.knownHead.map((file) => readInput(file).trim());
      if (!json) showState(before);
      for (const line of whatHeadsShow(signed)) talk(line);
      const yes = options.yes === true || (heads.length + signed.length === 0 && (isDryRun() || (await asked())));
      const after = await client.send<Restore>('POST', '/restore/confirm', {
        yes,
        heads,
        signed_heads: signed,
        accept_rollback: options.acceptRollback === true,
      });
      return show(json, after, () => talk(green('confirmed: everything is signed anew now')));
    });
}

/**
 * A head shows what came before it was signed, and nothing of what came after: a copy from between the backup and a halt looks
 * like one that is the newest. When that was is the one thing a person can hold against what else is known.
 */
export const whatHeadsShow = (signed: readonly string[]): readonly string[] =>
  signed.flatMap((one) => {
    try {
      const { iss, iat } = decodeJwt(one);
      if (typeof iss !== 'string' || typeof iat !== 'number') return [];
      return [
        `The head of ${clean(iss)} was signed ${when(iat)}. What was suspended, revoked or halted after that it does not show: look for a newer one, and at what you know of the time since.`,
      ];
    } catch {
      // The server says what is wrong with it.
      return [];
    }
  });

/** At a terminal a person is asked; a script says `--yes`. @throws CliError */
async function asked(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CliError(2, 'say that these are the newest heads with --yes, or give the newest you know with --head <authority>=<number>:<hash>');
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(
    'Whoever was suspended or revoked after these events is trusted again. Are these the newest heads there were? Type yes: ',
  );
  prompt.close();
  if (answer.trim() !== 'yes') throw new CliError(2, 'not confirmed; nothing was changed');
  return true;
}
