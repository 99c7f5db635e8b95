import type { Command } from 'commander';
import { dim, out, talk, when } from './output.js';
import { globals, show } from './shell.js';

interface ClockAnswer {
  readonly trusted: boolean;
  readonly now: number;
  readonly highest_trusted: number | null;
  readonly detail: string | null;
}

export function clockCommands(program: Command): void {
  const clock = program
    .command('clock')
    .description('whether the clock of the service is trusted')
    .action(async (_options: object, command: Command) => {
      const { client, json } = globals(command);
      const state = await client.get<ClockAnswer>('/clock');
      show(json, state, () => {
        out(`${when(state.now)}  ${state.trusted ? 'trusted' : 'NOT TRUSTED'}`);
        if (state.detail !== null) out(state.detail);
        out(dim(`the highest time trusted: ${state.highest_trusted === null ? 'none yet' : when(state.highest_trusted)}`));
      });
    });
  clock
    .command('confirm')
    .description('say that the clock is right; what was signed ahead of it is signed anew')
    .requiredOption('--reason <text>', 'what was wrong and how you know that it is right; goes into the audit trail')
    .action(async ({ reason }: { reason: string }, command: Command) => {
      const { client, json } = globals(command);
      const state = await client.send<ClockAnswer>('POST', '/clock/confirm', { reason });
      show(json, state, () => talk(`the clock says ${when(state.now)} and is trusted again`));
    });
}
