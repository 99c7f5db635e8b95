import type { Command } from 'commander';
import { CliError } from './client.js';
import { base, describe, type MemberView } from './member-view.js';
import { talk } from './output.js';
import { confirm, globals, show } from './shell.js';

const VERBS: readonly (readonly [name: string, about: string, reason: boolean, destructive: boolean])[] = [
  ['take', 'begin vetting an applicant', false, false],
  ['approve', 'approve a member; nothing is signed yet', false, false],
  ['activate', 'publish the statement about an approved member', false, false],
  ['refuse', 'refuse an applicant', true, false],
  ['withdraw', 'withdraw an application', false, false],
  ['suspend', 'cut a member off at once; needs nothing from it', true, false],
  ['resume', 'take a suspended member back', false, false],
  ['revoke', 'cut a member off for good', true, true],
  ['archive', 'close the record of a member that ended', false, false],
];

const SEEN: Readonly<Record<string, string>> = {
  resume: 'the version you have looked at (member show); needed when the member was changed while it was suspended',
};

function versionOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new CliError(2, `--seen takes the version that "member show" gives, not ${text.slice(0, 40)}`);
  return Number(text);
}

/** The verbs that move members through their life. */
export function moveCommands(member: Command): void {
  for (const [name, about, needsReason, destructive] of VERBS) {
    const verb = member.command(`${name} <id>`).description(about);
    if (needsReason) verb.requiredOption('--reason <text>', 'why; it stands in the audit trail');
    if (destructive) verb.option('--yes <id>', 'confirm by repeating the id');
    verb.option('--seen <version>', SEEN[name] ?? 'refuse when the member has another version than this (member show)');
    verb.action(async (id: string, options: { reason?: string; yes?: string; seen?: string }, command: Command) => {
      const { client, authority, json } = globals(command);
      if (destructive) await confirm(id, options.yes, `This will ${about}: ${id}`);
      const one = await client.send<MemberView>('POST', base(authority, id, name), {
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(options.seen !== undefined && { v: versionOf(options.seen) }),
      });
      show(json, one, () => {
        talk(one.already ? `already_${one.state}` : `${one.entity_id} is ${one.state} now`);
        describe(one);
      });
    });
  }
}
