/** Codes of certificates that cannot be verified. */
const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_)/;

/** The part of an error that says what happened: a fetch wraps it, and one of several addresses wraps it again. */
function inner(error: unknown): { readonly code: string; readonly message: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const one = cause instanceof AggregateError && cause.errors[0] instanceof Error ? cause.errors[0] : cause;
  return one instanceof Error
    ? { code: String((one as NodeJS.ErrnoException).code ?? ''), message: one.message || one.name }
    : { code: '', message: 'no connection' };
}

/**
 * Why the server did not answer, and what to do about just that.
 * @param local where it listens on this machine, when that is known
 */
export function whyUnanswered(url: string, error: unknown, local: string | undefined): string {
  const { code, message } = inner(error);
  const here = local === undefined || local === url ? '' : ` On this machine the server listens at another place: --url ${local}`;
  const not = `${url} does not answer (${message})`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `${not}: the name is not known here. Look at --url, HOLDFAST_URL and your DNS.${here || ' On the machine of the server itself: --url http://127.0.0.1:<port>'}`;
  if (code === 'ECONNREFUSED') return `${not}: nothing listens there. Is the server running? Start it with: npx holdfast serve.${here}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${not}: its certificate is for another name. Use the name that the certificate has.${here}`;
  if (code === 'CERT_HAS_EXPIRED') return `${not}: its certificate has ended. Renew it, or look at the clock of this machine.${here}`;
  if (CERTIFICATE.test(code))
    return `${not}: its certificate is signed by nobody this machine trusts. Name the file of your own authority: NODE_EXTRA_CA_CERTS=ca.pem.${here}`;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return `${not}: it speaks no TLS. Is it http:// there, or another port?${here}`;
  return `${not}. Is the server running, and is nothing between that holds the connection?${here}`;
}
