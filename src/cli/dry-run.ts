import type { Command } from 'commander';
import { talk } from './output.js';

/** What writes by the admin API. All of it is rehearsed by the server, with --dry-run; a test knows of what is missing here. */
const WRITING = `
authority create, change, quorum, binding, admission, halt, resume, retire
key generate, import, stage, activate, retire, revoke
member enroll, change, take, approve, activate, refuse, withdraw, suspend, resume, revoke, archive
member host, locate, challenge, prove, confirm-key, sponsor, reattest, reindex
member keys replace, adopt
member hold accept, dismiss
accreditation add, verify, withdraw, renew
evidence add, review
issuer add, change, end
entitlement set, add, remove
bundle create, change, end, impact
join-link create, end
software-statement issue, revoke
initial-access-token issue, revoke
application take, ask, refuse, erase
organization create, change, halt, resume
halt key, member, organization, mark-type, authority
policy draft, impact, report, publish, rollback
mark grant, withdraw, withdraw-instance
mark type create, change, halt, resume, recognize, forget, delegate
mark own show, hide
anchor pin, check, unpin
job cancel, run
event erase
audit rotate-key
person add, grant, revoke-role, end
approval approve, refuse
agent-authority create, change, retire
clock confirm
restore confirm
api-key create, revoke
`
  .trim()
  .split('\n')
  .flatMap((line) => {
    const [first = '', ...others] = line.split(', ');
    const noun = first.slice(0, first.lastIndexOf(' '));
    return [first, ...others.map((verb) => `${noun} ${verb}`)];
  });

/** What works on files and databases itself, and checks before it writes. */
const LOCAL = ['backup restore', 'seal-key rotate', 'api-key recover', 'store reopen'];

const ABOUT = ['--dry-run', 'decide it as always, say what would come of it, and change nothing'] as const;

/** Commands that can be rehearsed. */
const rehearsable = new WeakSet<Command>();

function named(program: Command, words: string): Command {
  let found = program;
  for (const word of words.split(' ')) {
    const below = found.commands.find((one) => one.name() === word);
    if (!below) throw new Error(`there is no command ${words}`);
    found = below;
  }
  return found;
}

/** Give every command that writes its --dry-run; one that has more to say of it says so itself (store copy, member import, apply). */
export function offerDryRuns(program: Command): void {
  for (const words of [...WRITING, ...LOCAL]) {
    const command = named(program, words);
    rehearsable.add(command);
    if (!command.options.some(({ long }) => long === '--dry-run')) command.option(...ABOUT);
  }
}

let rehearsal = false;
/** Is this command a rehearsal? Then every write asks for one, nothing is confirmed, and no job is waited for. */
export const isDryRun = (): boolean => rehearsal;

/** Before a command is carried out. */
export function beginDryRun(command: Command): void {
  rehearsal = rehearsable.has(command) && command.opts<{ readonly dryRun?: boolean }>().dryRun === true;
  if (rehearsal && command.optsWithGlobals<{ readonly json?: boolean }>().json !== true) talk('Dry run: this is what would be.');
}
/** After it; one that was refused has said so. */
export function endDryRun(command: Command): void {
  if (rehearsal && command.optsWithGlobals<{ readonly json?: boolean }>().json !== true) talk('Dry run: nothing was changed.');
  rehearsal = false;
}
