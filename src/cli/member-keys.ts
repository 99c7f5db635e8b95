import { isDryRun } from './dry-run.js';
import type { Command } from 'commander';
import { KEY_PROOF_PURPOSES } from '../federation/key-proof.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { base } from './member-view.js';
import { clean, out, printJson, talk, when } from './output.js';
import { globals, readInput, readJson, show } from './shell.js';

interface Challenge {
  readonly challenge_id: string;
  readonly aud: string;
  readonly purpose: string;
  readonly exp: number;
}
interface Proven {
  readonly purpose: string;
  readonly keys: readonly { readonly kid: string; readonly thumbprint: string }[];
}
interface Confirmed {
  readonly kid: string;
  readonly thumbprint: string;
  readonly by: string;
}

/** `member challenge`, `prove` and `confirm-key`. */
export function memberKeyCommands(member: Command): void {
  member
    .command('challenge <id>')
    .description('ask a member to prove that it has its keys; prints what to give to it (JSON), good for ten minutes and one answer')
    .option('--purpose <purpose>', `${KEY_PROOF_PURPOSES.join(', ')}; left out: what fits its state`)
    .option('--jwks <file>', 'keys that are not bound yet and are to be: its public keys as a JWK Set')
    .action(async (id: string, options: { readonly purpose?: string; readonly jwks?: string }, command: Command) => {
      const { client, authority } = globals(command);
      const body = { ...(options.purpose !== undefined && { purpose: options.purpose }), ...(options.jwks !== undefined && { jwks: readJson(options.jwks) }) };
      const challenge = await client.send<Challenge>('POST', base(authority, id, 'keys', 'challenges'), body);
      printJson(challenge);
      if (!isDryRun()) talk(`Give it to the member. Where its key is: npx holdfast key prove --key <file> --challenge <file>; until ${when(challenge.exp)}`);
    });
  member
    .command('prove <id> <file>')
    .description('take what the member answered to a challenge: one line for each key (a file, or -)')
    .requiredOption('--challenge <file-or-id>', 'the challenge that it answers')
    .action(async (id: string, file: string, options: { readonly challenge: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const challenge = options.challenge.startsWith('chl_')
        ? options.challenge
        : (readJson(options.challenge) as { readonly challenge_id?: unknown } | null)?.challenge_id;
      if (typeof challenge !== 'string') throw new CliError(EXIT.usage, `${options.challenge} is no challenge: it has a challenge_id`);
      const proofs = readInput(file)
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
      const one = await client.send<Proven>('POST', base(authority, id, 'keys', 'proofs'), { challenge_id: challenge, proofs });
      show(json, one, () => {
        for (const { kid, thumbprint } of one.keys) out(`${clean(kid)}  ${thumbprint}  proven (${one.purpose})`);
      });
    });
  member
    .command('confirm-key <id> <key>')
    .description('record that you compared a key, by its thumbprint or kid, with a contact that you found by yourself')
    .requiredOption('--channel <text>', 'how you compared the two, such as telephone')
    .requiredOption('--with <contact>', 'with whom; stays among what can be erased')
    .action(async (id: string, key: string, options: { readonly channel: string; readonly with: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<Confirmed>('POST', base(authority, id, 'keys', key, 'confirm'), { channel: options.channel, with: options.with });
      show(json, one, () => out(`${clean(one.kid)}  ${one.thumbprint}  confirmed by ${one.by}`));
    });
}
