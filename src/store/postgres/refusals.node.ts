const PASSWORD = 'set HOLDFAST_DATABASE_PASSWORD, or HOLDFAST_DATABASE_PASSWORD_FILE';
/** What a server, or its certificate, says when it will not serve this process at all: what to do. None of it passes by itself. */
const BY_CODE: Readonly<Record<string, string>> = {
  '28P01': `the password is wrong: ${PASSWORD}`,
  '28000': 'the server refuses this user, from here: let it in (pg_hba.conf), and with TLS if the server demands it (sslmode=verify-full)',
  '3D000':
    "there is no such database: name the right one in the URL, or make it: CREATE DATABASE … TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'",
  '42501': 'the role lacks the rights: make it the owner of the database; for reading alone grant USAGE on its schemas and SELECT on all tables',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name: use the name that stands in it in the URL',
  CERT_HAS_EXPIRED: 'the certificate of the server has expired: renew it',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet: compare the clocks',
};
const UNTRUSTED = 'the certificate of the server is not trusted: name its authority in the URL, sslrootcert=/path/to/ca.pem';
for (const code of [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])
  (BY_CODE as Record<string, string>)[code] = UNTRUSTED;

const BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [/does not support SSL/i, 'the server speaks no TLS, and the URL demands it: switch it on there (ssl = on)'],
  [/unsupported startup parameter/i, 'this is a pooler, not PostgreSQL: name the servers themselves in the URL'],
  [/client password must be/i, `the server asks for a password and none is given: ${PASSWORD}`],
];

/** Why a person has to act, with the words of the server, in which no password is; undefined where waiting may help. */
export function whyRefused(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = String((error as { readonly code?: unknown }).code ?? '');
  const what = BY_CODE[code] ?? BY_WORDS.find(([words]) => words.test(error.message))?.[1];
  return what === undefined ? undefined : `${error.message}; ${what}`;
}
