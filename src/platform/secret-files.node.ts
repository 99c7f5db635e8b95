import { readFileSync, statSync } from 'node:fs';
import { ConfigError, SETTINGS } from './config.js';

type Values = Readonly<Record<string, string | undefined>>;

/** A secret is a line of text; what is larger is another file. */
const MAX_SECRET_BYTES = 4096;

/** @throws ConfigError when it cannot be read, or everybody on the machine can */
export function readSecretFile(file: string, what: string): string {
  try {
    const { mode, size } = statSync(file);
    if (mode & 0o007)
      throw new ConfigError(
        `${what}: ${file} is open to every user of this machine (mode ${(mode & 0o777).toString(8)}); give it mode 0600: chmod 600 ${file}`,
      );
    if (size > MAX_SECRET_BYTES) throw new ConfigError(`${what}: ${file} has more than ${MAX_SECRET_BYTES} bytes; it holds the secret and nothing else`);
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${what}: cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/**
 * The secrets that files hold, by the name of their setting. A secret itself is never taken from the command line, where every
 * user of the machine reads it in the list of processes.
 * @param only these settings; all when absent
 * @throws ConfigError for a secret on the command line, a secret given twice, a file that cannot be read or that everybody can
 */
export function secretsOfFiles(env: Values, flags: Values, only?: readonly string[]): Values {
  const secrets: Record<string, string> = {};
  const faults: string[] = [];
  for (const { name, env: variable, flag, secret } of SETTINGS) {
    if (!secret || (only && !only.includes(name))) continue;
    const file = flags[`${name}File`] ?? (env[`${variable}_FILE`] || undefined);
    if (flags[name] !== undefined)
      faults.push(
        `--${flag} shows the secret to every user of this machine, in the list of processes. Set ${variable}, or put it in a file of mode 0600: --${flag}-file <file>. Make another one: this one has been seen`,
      );
    else if (file !== undefined && env[variable]) faults.push(`${variable} is set and a file is named too (${file}); leave one of them out`);
    else if (file !== undefined) {
      try {
        secrets[name] = readSecretFile(file, `${variable}_FILE`);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        faults.push(error.message);
      }
    }
  }
  if (faults.length) throw new ConfigError(faults.join('\n'));
  return secrets;
}
