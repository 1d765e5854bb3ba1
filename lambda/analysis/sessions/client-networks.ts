// Summarises the addresses of sessions as a few addresses or networks.

import ipaddr from 'ipaddr.js';

/** As many entries as a reader takes in, and a subnet is about what one application has. */
const MAX_ENTRIES = 8;

/** Prefix lengths to try, finest first, for IPv4 and IPv6: a subnet, then what holds subnets, then all. */
const WIDEST = { ipv4: 0, ipv6: 0 };
const PREFIXES = [{ ipv4: 24, ipv6: 64 }, { ipv4: 16, ipv6: 48 }, { ipv4: 8, ipv6: 32 }, WIDEST];
type Prefixes = typeof WIDEST;

/**
 * The addresses themselves when there are at most eight, else the networks they are in (`10.1.2.0/24`, `2001:db8::/64`,
 * wider where those would be too many). Sorted; the order given does not matter. What is no address is left out: it is
 * whatever a server chose to send.
 */
export function clientNetworks(addresses: Iterable<string>): readonly string[] {
  const distinct = [...new Set(addresses)].filter(isAddress).sort();
  if (distinct.length <= MAX_ENTRIES) return distinct;
  const parsed = distinct.map(parse);
  for (const prefixes of PREFIXES) {
    const networks = networksOf(parsed, prefixes, MAX_ENTRIES);
    if (networks.size <= MAX_ENTRIES) return [...networks].sort();
  }
  return [...networksOf(parsed, WIDEST, distinct.length)].sort();
}

/** IPv4 stays the text that it is: most are of this kind, and there may be thousands. */
type Parsed = string | ipaddr.IPv6;

const NUMBER = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;

/** Four decimal numbers from 0 to 255, without zeros before them. Written out, which takes a third of a repetition. */
const IPV4 = new RegExp(String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}\.${NUMBER}$`);

/** As servers write them: the library also takes IPv4 addresses in one to three parts, octal and hexadecimal. */
function isAddress(text: string): boolean {
  return IPV4.test(text) || (text.length <= 64 && ipaddr.IPv6.isValid(text));
}

/** An IPv4 address that is mapped into IPv6 is one of IPv4. */
function parse(address: string): Parsed {
  if (!address.includes(':')) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4' ? parsed.toString() : (parsed as ipaddr.IPv6);
}

/** Stops once there are more networks than `most`: the clients of one group may be thousands. */
function networksOf(addresses: readonly Parsed[], prefixes: Prefixes, most: number): ReadonlySet<string> {
  const networks = new Set<string>();
  for (const address of addresses) {
    networks.add(networkOf(address, prefixes));
    if (networks.size > most) break;
  }
  return networks;
}

/** @param prefixes in whole bytes, as all of ours are */
function networkOf(address: Parsed, { ipv4, ipv6 }: Prefixes): string {
  if (typeof address !== 'string') {
    return `${ipaddr.fromByteArray(address.toByteArray().fill(0, ipv6 / 8))}/${ipv6}`;
  }
  if (ipv4 === 0) return '0.0.0.0/0';
  let end = -1;
  for (let bits = 0; bits < ipv4; bits += 8) end = address.indexOf('.', end + 1);
  return `${address.slice(0, end)}${'.0'.repeat((32 - ipv4) / 8)}/${ipv4}`;
}
