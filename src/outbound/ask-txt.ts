import { base64url } from 'jose';
import { readUrl } from '../federation/read-url.js';
import { isDnsName, readTxtAnswer, type TxtAnswer, txtQuestion } from './dns-message.js';
import type { Outbound } from './outbound.js';

const DNS_MESSAGE = 'application/dns-message';
const MAX_ANSWER = 65_535;

/**
 * Ask for the TXT records of a name over HTTPS (RFC 8484, by GET), at a resolver that the operator has chosen, through the
 * guarded door. The same on Node and on Workers, where there are no sockets for DNS.
 */
export async function askTxt(outbound: Outbound, resolver: string, name: string): Promise<TxtAnswer> {
  const url = isDnsName(name) ? readUrl(resolver) : undefined;
  if (!url) return { ok: false, why: `${name.slice(0, 80)} is longer than a name may be` };
  url.searchParams.set('dns', base64url.encode(txtQuestion(name)));
  const reply = await outbound.get({ url: url.href, mediaType: DNS_MESSAGE, maxBytes: MAX_ANSWER, bytes: true });
  if (!reply.ok) return { ok: false, why: `the resolver could not be asked: ${reply.findings[0]?.detail ?? 'no answer'}` };
  return readTxtAnswer(
    Uint8Array.from(reply.value.body, (char) => char.charCodeAt(0)),
    name,
  );
}
