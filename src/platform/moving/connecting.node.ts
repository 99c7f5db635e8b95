import { CliError } from '../../cli/client.js';
import { ConnectionLost, codeOf, type Server } from '../../store/postgres/connection.node.js';
import { serversOf } from '../../store/postgres/servers.node.js';
import { whyRefused } from '../../store/postgres/refusals.node.js';
import { storeError, StoreFull } from '../../store/database.js';

const PASSWORD = 'set HOLDFAST_DATABASE_PASSWORD, or HOLDFAST_DATABASE_PASSWORD_FILE';

/** By those of the network, where no connection was made. */
const SILENT: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  ECONNREFUSED: 'nobody listens there',
  ENOENT: 'there is no socket of a server there',
  ETIMEDOUT: 'it does not answer',
};

const chain = (error: unknown): readonly Error[] => (error instanceof Error ? [error, ...chain(error.cause)] : []);

/** What goes wrong with a database, in words that say what to do. @param at where it is */
export function explained(error: unknown, at: string): unknown {
  if (error instanceof CliError) return error;
  const all = chain(error);
  const refused = all.map(whyRefused).find((one) => one !== undefined);
  if (refused !== undefined) return new CliError(1, `${at}: ${refused}`);
  if (storeError(error) instanceof StoreFull) return new Error(`the disk is full; nothing was copied (${all[0]?.message})`, { cause: error });
  if (!all.some((one) => one instanceof ConnectionLost)) return error;
  const said = all.map(({ message }) => message).join(': ');
  return new CliError(3, `${at}: ${all.map((one) => SILENT[codeOf(one)]).find((one) => one !== undefined) ?? said}`);
}

export const isPostgres = (text: string): boolean => /^postgres(ql)?:/i.test(text);

/** @throws CliError when a password was typed in it, or it is no URL of PostgreSQL */
export function serversAt(url: string, password: string | undefined, typed: boolean): readonly Server[] {
  if (typed && (/^[a-z]+:\/\/[^@/]*:[^@/]*@/i.test(url) || /[?&]password=/i.test(url)))
    throw new CliError(
      2,
      `a password in the URL is shown to every user of this machine, in the list of processes. Leave it out and ${PASSWORD}. Choose another one: this one has been seen`,
    );
  try {
    return serversOf(url, password);
  } catch (error) {
    throw new CliError(2, (error as Error).message);
  }
}
