import type { Finding } from '../federation/entry.js';
import type { ExitCode } from './exit-codes.js';

export class CliError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    readonly findings: readonly (Finding & { readonly severity?: string })[] = [],
    readonly code = 'error',
  ) {
    super(message);
  }
}
