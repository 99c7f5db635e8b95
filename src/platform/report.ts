import { CommanderError } from 'commander';
import { isUnforeseen, unforeseen } from '../cli/answers.js';
import { CliError, Waits } from '../cli/client.js';
import { EXIT, type ExitCode } from '../cli/exit-codes.js';
import { asCalled, multiline, printError, printJsonIfAsked, red, showFindings, talk } from '../cli/output.js';
import type { Finding } from '../federation/entry.js';
import { Refusal, type RefusalCode } from '../operations/refusal.js';
import { isDamage } from '../store/trouble.js';
import { ConfigError } from './config.js';
import { DamagedDatabase } from './damaged.js';

interface Told {
  readonly exit: ExitCode;
  readonly code: string;
  readonly detail: string;
  readonly findings: readonly (Finding & { readonly severity?: string })[];
}

/** As the status of the server's answer would have it. */
export const EXIT_OF: Readonly<Record<RefusalCode, ExitCode>> = {
  invalid_request: EXIT.usage,
  permission_denied: EXIT.refused,
  not_found: EXIT.refused,
  already_exists: EXIT.conflict,
  wrong_state: EXIT.conflict,
  version_conflict: EXIT.conflict,
  findings: EXIT.findings,
  key_not_ready: EXIT.conflict,
  last_owner: EXIT.conflict,
  temporarily_unavailable: EXIT.unreachable,
  not_confirmed: EXIT.conflict,
  self_approval: EXIT.refused,
  editor_cannot_approve: EXIT.refused,
  decision_changed: EXIT.conflict,
  already_decided: EXIT.conflict,
  challenge_invalid: EXIT.findings,
  key_proof_invalid: EXIT.findings,
  key_already_bound: EXIT.conflict,
  key_unacceptable: EXIT.findings,
  key_unproven: EXIT.conflict,
  key_unconfirmed: EXIT.conflict,
  accreditation_not_in_force: EXIT.findings,
  payload_too_large: EXIT.usage,
  join_link_ended: EXIT.conflict,
  member_not_active: EXIT.refused,
  entitlement_exceeded: EXIT.findings,
  audience_unknown: EXIT.findings,
  audience_mismatch: EXIT.refused,
  key_not_bound: EXIT.findings,
  already_redeemed: EXIT.conflict,
  token_ended: EXIT.conflict,
  agents_exhausted: EXIT.conflict,
};

const WAY_BACK = 'holdfast fsck says where, holdfast backup restore brings a copy back';

const toldOf = (error: unknown): Told => {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof CliError) return { exit: error.exitCode, code: error.code, detail, findings: error.findings };
  if (error instanceof CommanderError)
    return {
      exit: EXIT.usage,
      code: 'usage',
      detail: error.code === 'commander.help' ? 'which command? See --help' : detail.replace(/^error: /, ''),
      findings: [],
    };
  // The same mistake ends the same way, whether a server or this process refused it.
  if (error instanceof Refusal) return { exit: EXIT_OF[error.code], code: error.code, detail, findings: error.findings };
  if (error instanceof ConfigError) return { exit: EXIT.usage, code: 'configuration', detail, findings: [] };
  if (isUnforeseen(error)) return { exit: EXIT.refused, code: 'unforeseen', detail: unforeseen(error), findings: [] };
  if (error instanceof DamagedDatabase) return { exit: EXIT.findings, code: 'damaged', detail, findings: [] };
  if (isDamage(error))
    return { exit: EXIT.findings, code: 'damaged', detail: `the database is damaged where it had to be read (${detail}); ${WAY_BACK}`, findings: [] };
  return { exit: EXIT.refused, code: 'error', detail, findings: [] };
};

/** Say why a command failed: to a person on stderr, with `--json` as the document too. */
export function report(error: unknown): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
  if (error instanceof Waits) {
    printJsonIfAsked(error.answer);
    const said = error.message.replace('holdfast ', 'npx holdfast ');
    talk(asCalled(error.answer.dry_run ? `Dry run: nothing was changed; ${said}` : `Approved by you; ${said}`));
    return error.exitCode;
  }
  const { exit, code, detail, findings } = toldOf(error);
  const printed = printError({ code, detail, findings });
  // Help was shown, which says it.
  if (!printed && error instanceof CommanderError && error.code === 'commander.help') return exit;
  // Faults of the configuration come one on a line.
  talk(`${red('holdfast:')} ${error instanceof ConfigError ? multiline(detail) : detail}`);
  if (!printed && findings.length) talk(showFindings(findings));
  return exit;
}
