import type { Server } from './connection.node.js';

const URL_OF = /^(postgres(?:ql)?:\/\/)((?:[^@/]*)@)?([^/?]+)?(\/[^?]*)?(\?.*)?$/;

/**
 * The servers that a URL names: `postgres://user@a,b:5433,c/database?sslmode=verify-full`.
 * @param password where the URL has none
 * @throws Error when it is no such URL
 */
export function serversOf(url: string, password?: string): readonly Server[] {
  const [, scheme, user = '', hosts = '', path = '', query = ''] = URL_OF.exec(url) ?? [];
  if (scheme === undefined) throw new Error('not a URL of PostgreSQL: postgres://user@host,host/database');
  // In the URL, since what stands there is taken before everything beside it, also where it is nothing.
  const own = password === undefined || user.includes(':') ? user : `${user.replace(/@$/, '')}:${encodeURIComponent(password)}@`;
  return hosts.split(',').map((at) => ({ at, config: { connectionString: `${scheme}${own}${at}${path}${query}` } }));
}
