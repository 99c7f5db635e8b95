import { ConfigError } from './config.js';
import { readSecretFile } from './secret-files.node.js';

const VARIABLE = 'HOLDFAST_DATABASE_PASSWORD';

/**
 * The password of a database, from the environment or a file that it names: never from the command line.
 * @throws ConfigError
 */
export function databasePassword(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const file = env[`${VARIABLE}_FILE`] || undefined;
  const value = env[VARIABLE] || undefined;
  if (file !== undefined && value !== undefined) throw new ConfigError(`${VARIABLE} is set and a file is named too (${file}); leave one of them out`);
  return file === undefined ? value : readSecretFile(file, `${VARIABLE}_FILE`);
}
