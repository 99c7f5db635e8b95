import type { Command } from 'commander';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';
import { timeOrDuration, whole } from './kinds.js';
import { base, describe, type MemberView } from './member-view.js';
import { talkFindings } from './output.js';
import { globals, show } from './shell.js';

interface Sponsoring {
  readonly name?: string;
  readonly email?: string;
  readonly reattestBy?: number;
  readonly clear?: boolean;
  readonly seen?: number;
}
const seen = ({ seen: v }: { readonly seen?: number }) => v !== undefined && { v };

/** `member sponsor` and `member reattest`. */
export function sponsorCommands(member: Command): void {
  member
    .command('sponsor <id>')
    .description('say who answers for a member: a person, who stands in no chain and can be taken out')
    .option('--name <name>', 'his name')
    .option('--email <address>', 'his address')
    .option('--reattest-by <time>', 'until when he has said so: 2027-01-01 (UTC), or how far away: 365d; 400 days at most', timeOrDuration)
    .option('--clear', 'nobody is named any more')
    .option('--seen <version>', 'refuse when the member has another version than this (member show)', whole)
    .action(async (id: string, options: Sponsoring, command: Command) => {
      const { client, authority, json } = globals(command);
      const { name, email, clear, reattestBy } = options;
      const named = name !== undefined && email !== undefined;
      if (clear ? name !== undefined || email !== undefined : !named) throw new CliError(EXIT.usage, 'give --name and --email, or --clear alone');
      const one = await client.send<MemberView>('PUT', base(authority, id, 'sponsor'), {
        sponsor: clear ? null : { name, email },
        ...(reattestBy !== undefined && { reattest_by: reattestBy }),
        ...seen(options),
      });
      show(json, one, () => {
        describe(one);
        talkFindings(one.findings);
      });
    });
  member
    .command('reattest <id>')
    .description('say that it is still needed and answered for; one that was suspended for want of it is resumed apart')
    .requiredOption('--until <time>', 'until when: 2027-01-01 (UTC), or how far away: 365d; 400 days at most', timeOrDuration)
    .option('--note <text>', 'what you looked at; it stands among what can be erased')
    .option('--seen <version>', 'refuse when the member has another version than this (member show)', whole)
    .action(async (id: string, options: { readonly until: number; readonly note?: string; readonly seen?: number }, command: Command) => {
      const { client, authority, json } = globals(command);
      const one = await client.send<MemberView>('POST', base(authority, id, 'reattest'), {
        until: options.until,
        ...(options.note !== undefined && { note: options.note }),
        ...seen(options),
      });
      show(json, one, () => describe(one));
    });
}
