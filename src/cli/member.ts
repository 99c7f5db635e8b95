import type { Command } from 'commander';
import { barredCommand } from './member-barred.js';
import { changeCommand } from './member-change.js';
import { enrollCommands } from './member-enroll.js';
import { importCommands } from './member-import.js';
import { keepCommands } from './member-keep.js';
import { memberKeyCommands } from './member-keys.js';
import { lookCommands } from './member-look.js';
import { moveCommands } from './member-move.js';
import { sponsorCommands } from './member-sponsor.js';
import { watchMemberCommands } from './watch-members.js';

export function memberCommands(program: Command): void {
  const member = program.command('member').description('enrol members and move them through their life');
  enrollCommands(member);
  lookCommands(member);
  moveCommands(member);
  changeCommand(member);
  keepCommands(member);
  memberKeyCommands(member);
  sponsorCommands(member);
  watchMemberCommands(member);
  importCommands(member);
  barredCommand(member);
}
