import ipaddr from 'ipaddr.js';

/** A block of addresses in CIDR form, parsed. */
export type Block = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number];

/** Special-purpose blocks that ipaddr.js calls unicast: the dummy prefix, IPv4-compatible addresses, a cloud's host agent. */
const MORE_SPECIAL = ['100:0:0:1::/64', '::/96', '168.63.129.16/32'].map((text) => ipaddr.parseCIDR(text));
/** The only IPv6 space that is given out for global unicast; the rest may mean anything tomorrow. */
const GLOBAL_V6 = ipaddr.parseCIDR('2000::/3');
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'].map((text) => ipaddr.parseCIDR(text));

const within = (address: ipaddr.IPv4 | ipaddr.IPv6, [net, bits]: Block): boolean =>
  address.kind() === net.kind() && (address as ipaddr.IPv6).match(net as ipaddr.IPv6, bits);

/** Address blocks, comma separated. @param variable where they stand @throws Error naming the block that is none */
export const parseBlocks = (variable: string, text: string | undefined): readonly Block[] =>
  (text ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one): Block => {
      if (!ipaddr.isValidCIDR(one)) throw new Error(`${variable}: "${one.slice(0, 60)}" is no address block such as 10.1.0.0/16`);
      return ipaddr.parseCIDR(one);
    });

/**
 * Parse HOLDFAST_OUTBOUND_ALLOW: address blocks reachable despite the guard.
 * @throws Error naming the block that is none, or that touches link-local addresses, which are never reachable
 */
export function parseAllowed(text: string | undefined): readonly Block[] {
  const blocks = parseBlocks('HOLDFAST_OUTBOUND_ALLOW', text);
  const touching = blocks.find((block) => LINK_LOCAL.some((local) => within(local[0], block) || within(block[0], local)));
  if (touching) throw new Error(`HOLDFAST_OUTBOUND_ALLOW: "${touching[0]}/${touching[1]}" touches link-local addresses, which are never contacted`);
  return blocks;
}

export interface GuardOptions {
  readonly allowed?: readonly Block[];
  /** Loopback is reachable: development mode only. */
  readonly loopback?: boolean;
}

/** May this address be contacted? Public unicast only, what is allowed by name aside. */
export function isReachable(text: string, { allowed = [], loopback = false }: GuardOptions = {}): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text); // an IPv4-mapped IPv6 address counts as the IPv4 address it is
  if (loopback && address.range() === 'loopback') return true;
  if (allowed.some((block) => within(address, block))) return !LINK_LOCAL.some((block) => within(address, block));
  if (address.kind() === 'ipv6' && !within(address, GLOBAL_V6)) return false;
  return address.range() === 'unicast' && !MORE_SPECIAL.some((block) => within(address, block));
}
