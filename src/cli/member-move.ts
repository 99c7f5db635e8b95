import { type Command, Option } from 'commander';
import { CUT_CODES } from '../audit/reason-codes.js';
import { CliError } from './client.js';
import { whole } from './kinds.js';
import { type Filter, isFilter, moveMany } from './member-bulk.js';
import { base, describe, type MemberView } from './member-view.js';
import { talk } from './output.js';
import { confirm, globals, show } from './shell.js';

const VERBS: readonly (readonly [name: string, about: string, from: string, reason: boolean, destructive: boolean])[] = [
  ['take', 'begin vetting an applicant', 'applied', false, false],
  ['approve', 'approve a member; nothing is signed yet', 'vetting', false, false],
  ['activate', 'publish the statement about an approved member', 'approved', false, false],
  ['refuse', 'refuse an applicant', 'applied,vetting,approved', true, false],
  ['withdraw', 'withdraw an application', 'applied,vetting,approved', false, false],
  ['suspend', 'cut a member off at once; needs nothing from it', 'active', true, false],
  ['resume', 'take a suspended member back', 'suspended', false, false],
  ['revoke', 'cut a member off for good', 'active,suspended', true, true],
  ['archive', 'close the record of a member that ended', 'revoked,refused,withdrawn', false, false],
];

/** Verbs that anyone may be told the reason of. */
const CUTS = new Set(['suspend', 'revoke']);

/** Of verbs that widen: see `Verb.gives`. */
const GIVES: Readonly<Record<string, 'content' | 'back'>> = { approve: 'content', activate: 'back', resume: 'back' };

interface MoveOptions extends Filter {
  readonly reason?: string;
  readonly publicReason?: string;
  readonly reasonCode?: string;
  readonly yes?: string;
  readonly seen?: number;
}

const SEEN: Readonly<Record<string, string>> = {
  resume: 'the version you have looked at (member show); needed when the member was changed while it was suspended',
};

/** The verbs that move members through their life. */
export function moveCommands(member: Command): void {
  for (const [name, about, from, needsReason, destructive] of VERBS) {
    const verb = member.command(`${name} [id...]`).description(`${about}; several ids, or those that match, together`);
    if (needsReason) verb.requiredOption('--reason <text>', 'why; it stands in the audit trail');
    else verb.option('--reason <text>', 'why, if there is more to say; it stands in the audit trail');
    if (CUTS.has(name)) verb.addOption(new Option('--reason-code <code>', 'why, in a word that stays when the reason is erased').choices(CUT_CODES));
    if (CUTS.has(name)) verb.option('--public-reason <text>', 'told to anyone, where the authority publishes what became of its subordinates');
    verb
      .option('--yes <id-or-number>', destructive ? 'confirm by repeating the id, of several their number' : 'of several: confirm by their number')
      .option('--state <states>', `of those that match: comma separated; else ${from}`)
      .option('--organization <id-or-name>', 'those of an organization')
      .option('--query <text>', "those with this in the identifier or the organization's name")
      .option('--type <type>', 'those of an entity type')
      .option('--seen <version>', SEEN[name] ?? 'refuse when the member has another version than this (member show)', whole)
      .action(async (ids: string[], { reason, reasonCode, publicReason, yes, seen, ...filter }: MoveOptions, command: Command) => {
        const body = {
          ...(reason !== undefined && { reason }),
          ...(reasonCode !== undefined && { reason_code: reasonCode }),
          ...(publicReason !== undefined && { public_reason: publicReason }),
          ...(seen !== undefined && { v: seen }),
        };
        const [id] = ids;
        if (id === undefined && !isFilter(filter)) throw new CliError(2, `which member? Name it, or say which: npx holdfast member ${name} --state ${from}`);
        if (id === undefined || ids.length > 1 || isFilter(filter)) {
          if (seen !== undefined) throw new CliError(2, '--seen is about one member');
          return moveMany({ name, about, from, gives: GIVES[name], body }, ids, filter, yes, command);
        }
        const { client, authority, json } = globals(command);
        if (destructive) await confirm(id, yes, `This will ${about}: ${id}`);
        const one = await client.send<MemberView>('POST', base(authority, id, name), body);
        show(json, one, () => {
          talk(one.already ? `already_${one.state}` : `${one.entity_id} is ${one.state} now`);
          describe(one);
        });
      });
  }
}
