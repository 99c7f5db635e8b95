import ipaddr from 'ipaddr.js';
import { type GuardOptions, isReachable } from './address-guard.js';
import { readUrl } from '../federation/read-url.js';

const LOCAL_NAME = /(?:^|\.)(?:localhost|local|internal|intranet|private|corp|home|lan|svc|home\.arpa|onion|test|invalid)$/;

const WAY_OUT = '; private networks are reached only where HOLDFAST_OUTBOUND_ALLOW (allowAddresses in the library) names their addresses';

/**
 * What can be refused from the text of a URL alone, on every platform. The parsed host name is looked at, never the
 * input: `2130706433`, `0x7f.1` and full-width digits all parse to 127.0.0.1, and the socket's look-up hook is never
 * called for a literal.
 * @returns the URL, or why it is refused
 */
export function checkUrl(text: string, guard: GuardOptions = {}): URL | string {
  const url = readUrl(text);
  if (!url) return 'it is not a URL';
  const host = url.hostname.replace(/[[\]]/g, '').replace(/\.$/, '');
  const literal = ipaddr.isValid(host);
  const loopback = guard.loopback === true && (literal ? ipaddr.process(host).range() === 'loopback' : host === 'localhost' || host.endsWith('.localhost'));
  if (url.protocol !== 'https:' && !(loopback && url.protocol === 'http:')) return `${url.protocol} is not https:`;
  if (url.username || url.password) return 'it has credentials';
  if (loopback) return url;
  if (literal) return guard.allowed?.length && isReachable(host, guard) ? url : `its host is an address, not a name${WAY_OUT}`;
  // With allowed blocks a private name may be meant; the check at connect decides.
  if (!guard.allowed?.length && (!host.includes('.') || LOCAL_NAME.test(host))) return `its host is not a public name${WAY_OUT}`;
  return url;
}
