import ipaddr from 'ipaddr.js';
import type { Block } from '../outbound/address-guard.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

const within = (address: Address, [net, bits]: Block): boolean => address.kind() === net.kind() && (address as ipaddr.IPv6).match(net as ipaddr.IPv6, bits);

/** One address as one asker: whoever has an IPv6 address has the /64 around it. */
const asked = (address: Address): string =>
  address.kind() === 'ipv4'
    ? address.toString()
    : `${(address as ipaddr.IPv6).parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')}::/64`;

const read = (text: string): Address | undefined => {
  const bare = text
    .trim()
    .replace(/^\[([^\]]+)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
};

/**
 * Who sent a request. What stands in `X-Forwarded-For` anybody can write: it is read from its end, and as far as each hop that
 * added to it is one of the proxies that the operator has named.
 * @param peer the other end of the connection
 */
export function clientAddress(peer: string | undefined, forwarded: string | null, proxies: readonly Block[]): string | undefined {
  let at = peer === undefined ? undefined : read(peer);
  if (!at) return undefined;
  const hops = (forwarded ?? '').split(',').filter((one) => one.trim() !== '');
  while (proxies.some((block) => within(at as Address, block))) {
    const before = hops.pop();
    const hop = before === undefined ? undefined : read(before);
    if (!hop) break;
    at = hop;
  }
  return asked(at);
}
