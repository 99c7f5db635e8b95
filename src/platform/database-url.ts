const URL_OF = /^(postgres(?:ql)?):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const PARAMETERS = new Set(['sslmode', 'sslrootcert', 'sslcert', 'sslkey']);
/** Half of the others protects against nobody who can answer in the server's place. */
const MODES = ['disable', 'verify-full'];
const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\]|%2F.*)?(:\d+)?$/i;
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\]|%2F[^:]*)?(:\d{1,5})?$/i;

/**
 * What is wrong with the URL of a database on PostgreSQL, and what to do; undefined when nothing is.
 * A password in it would be shown by `config show`, in logs and in the list of processes; a server of another machine that is
 * not asked who it is may be anybody.
 */
export function faultOfDatabaseUrl(url: string): string | undefined {
  const [, scheme, user, hosts = '', name = '', query = ''] = URL_OF.exec(url) ?? [];
  if (scheme === undefined) return 'not a URL as postgres://user@host/name or postgres://user@a,b:5433,c/name';
  if (user?.includes(':')) return 'there is a password in the URL, which is shown; give it apart, as ..._PASSWORD or in the file that ..._PASSWORD_FILE names';
  const wrong = hosts.split(',').find((host) => !HOST.test(host));
  if (wrong !== undefined) return `"${wrong.slice(0, 60)}" is no host; several are given as a,b:5433,c`;
  if (name === '' || name.includes('/')) return 'the name of the database is missing: postgres://user@host/name';
  const given = new URLSearchParams(query);
  const unknown = [...given.keys()].find((key) => !PARAMETERS.has(key));
  if (unknown !== undefined) return `"${unknown.slice(0, 40)}" is no parameter; there are ${[...PARAMETERS].join(', ')}`;
  const mode = given.get('sslmode');
  if (mode !== null && !MODES.includes(mode)) return `sslmode "${mode.slice(0, 20)}" is none of ${MODES.join(', ')}`;
  if (mode === null && !hosts.split(',').every((host) => LOCAL.test(host)))
    return 'a host of another machine, and nothing said about TLS: add ?sslmode=verify-full (or sslmode=disable, where the network is yours alone)';
  return undefined;
}
