import type { Command } from 'commander';
import { type AuthorityView, headLine } from './authority-view.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { out } from './output.js';
import { globals, path, readInput, show } from './shell.js';

interface Options {
  readonly keyProof?: string;
  readonly secondChannel?: string;
  readonly certificateRoots?: string;
}

/** `authority binding`. */
export function bindingCommand(authority: Command): void {
  authority
    .command('binding <slug>')
    .description('what is demanded of keys before they are vouched for; to demand less takes two persons where the quorum is 2')
    .option('--key-proof <optional|required>', 'whether the member has to prove that it has the key, within the last 24 h')
    .option('--second-channel <never|intermediates|always>', 'whose keys a person compares with a contact of his own first')
    .option('--certificate-roots <file|none>', 'who may issue certificates in keys (PEM); none: only the keys themselves')
    .action(async (slug: string, options: Options, command: Command) => {
      const { client, json } = globals(command);
      const body = {
        ...(options.keyProof !== undefined && { key_proof: options.keyProof }),
        ...(options.secondChannel !== undefined && { second_channel: options.secondChannel }),
        ...(options.certificateRoots !== undefined && {
          certificate_roots: options.certificateRoots === 'none' ? null : readInput(options.certificateRoots),
        }),
      };
      if (Object.keys(body).length === 0) throw new CliError(EXIT.usage, 'nothing to set: say what, such as --key-proof required');
      const one = await client.send<AuthorityView>('PUT', path('authorities', slug, 'binding'), body);
      show(json, one, () => {
        out(headLine(one));
        out(
          `  keys: proof ${one.key_proof}, second channel ${one.second_channel}, ${one.certificate_roots === null ? 'no certificate roots' : 'certificate roots configured'}`,
        );
      });
    });
}
