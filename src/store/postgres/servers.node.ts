import pg from 'pg';
import type { Server } from './connection.node.js';

const URL_OF = /^(postgres(?:ql)?:\/\/)((?:[^@/]*)@)?([^/?@]+)?(\/[^?]*)?(\?.*)?$/;
/** What else a URL may say would set aside what this program needs to be so. */
const SETTINGS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'application_name'];

const withPassword = (user: string, password: string | undefined): string =>
  password === undefined || user.includes(':') ? user : `${user.replace(/@$/, '')}:${encodeURIComponent(password)}@`;

/**
 * The servers that a URL names: `postgres://user@a,b:5433,c/database?sslmode=verify-full`.
 * @param password where the URL has none
 * @throws Error when it is no such URL, or a file that it names is not there; it says nothing of the URL, in which a password may be
 */
export function serversOf(url: string, password?: string): readonly Server[] {
  const [, scheme, user = '', hosts = '', path = '', query = ''] = URL_OF.exec(url) ?? [];
  if (scheme === undefined) throw new Error('not a URL of PostgreSQL: postgres://user@host,host/database');
  const unreadable =
    'the URL of PostgreSQL cannot be read: percent-encode what is no letter or digit in the name and password of the role, or set HOLDFAST_DATABASE_PASSWORD';
  const unknown = [...new URLSearchParams(query).keys()].find((name) => !SETTINGS.includes(name));
  // It may be what comes after a question mark in a password.
  if (unknown !== undefined)
    throw new Error(!/^\w+$/.test(unknown) || user === '' ? unreadable : `the URL of PostgreSQL may not set ${unknown}; it may set ${SETTINGS.join(', ')}`);
  return hosts.split(',').map((at) => {
    const config = { connectionString: `${scheme}${withPassword(user, password)}${at}${path}${query}` };
    try {
      new pg.Client(config);
    } catch (error) {
      const { code, path: file } = error as { readonly code?: string; readonly path?: string };
      throw new Error(code === 'ENOENT' || code === 'EACCES' ? `the URL of PostgreSQL names the file ${file}, which cannot be read (${code})` : unreadable);
    }
    return { at, config };
  });
}
