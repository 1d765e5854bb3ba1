// Where sessions come from, in few words: addresses, or networks when there are many.

import ipaddr from 'ipaddr.js';

/** As many entries as a reader takes in, and a subnet is about what one application has. */
const MAX_ENTRIES = 8;

/** Prefix lengths to try, finest first, for IPv4 and IPv6: a subnet, then what holds subnets, then all. */
const PREFIXES = [
  { ipv4: 24, ipv6: 64 },
  { ipv4: 16, ipv6: 48 },
  { ipv4: 8, ipv6: 32 },
  { ipv4: 0, ipv6: 0 },
] as const;

/**
 * The addresses themselves when there are at most eight, else the networks they are in (`10.1.2.0/24`, `2001:db8::/64`,
 * wider where those would be too many). Sorted; the order given does not matter.
 */
export function clientNetworks(addresses: Iterable<string>): readonly string[] {
  const distinct = [...new Set(addresses)].sort();
  if (distinct.length <= MAX_ENTRIES) return distinct;
  const candidates = PREFIXES.map(
    (prefixes) => new Set(distinct.map((address) => networkOf(address, prefixes))) as ReadonlySet<string>,
  );
  const fitting = candidates.find(({ size }) => size <= MAX_ENTRIES) ?? candidates.at(-1);
  return [...(fitting ?? [])].sort();
}

function networkOf(address: string, prefixes: (typeof PREFIXES)[number]): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  const prefix = prefixes[parsed.kind()];
  const type = parsed.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${type.networkAddressFromCIDR(`${parsed.toString()}/${prefix}`)}/${prefix}`;
}
