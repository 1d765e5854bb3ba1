// Computes sets of addresses in pg_hba.conf, and what is left of one without others.

import ipaddr from 'ipaddr.js';

type Family = 'ipv4' | 'ipv6';

/**
 * The addresses of a family whose bits under `mask` are `bits`. A mask need not be a prefix: PostgreSQL takes
 * 255.0.255.0 and 0.0.0.255 as readily as 255.0.0.0, and compares the bits that are set.
 */
export interface AddressBlock {
  readonly family: Family;
  /** Zero outside the mask. */
  readonly bits: bigint;
  readonly mask: bigint;
}

const WIDTH = { ipv4: 32, ipv6: 128 } as const;

export const EVERY_ADDRESS: readonly AddressBlock[] = [
  { family: 'ipv4', bits: 0n, mask: 0n },
  { family: 'ipv6', bits: 0n, mask: 0n },
];

/**
 * The block of an address and a netmask, or of the address alone. Bits of the address outside the mask don't count, as
 * they don't to PostgreSQL. Undefined for what is no address, and for an address and a mask of two families.
 */
export function parseBlock(address: string, netmask?: string): AddressBlock | undefined {
  if (!ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.parse(address);
  const family = parsed.kind();
  if (netmask === undefined) return { family, bits: bitsOf(parsed), mask: ones(WIDTH[family]) };
  if (!ipaddr.isValid(netmask)) return undefined;
  const parsedMask = ipaddr.parse(netmask);
  if (parsedMask.kind() !== family) return undefined;
  const mask = bitsOf(parsedMask);
  return { family, bits: bitsOf(parsed) & mask, mask };
}

/** From CIDR notation. @throws Error for anything else */
export function cidr(text: string): AddressBlock {
  const [address, length] = ipaddr.parseCIDR(text);
  const family = address.kind();
  const mask = prefixMask(family, length);
  return { family, bits: bitsOf(address) & mask, mask };
}

/** The length of the prefix that the mask is; undefined where it is none. */
export function prefixLength({ family, mask }: AddressBlock): number | undefined {
  for (let length = 0; length <= WIDTH[family]; length += 1) if (prefixMask(family, length) === mask) return length;
  return undefined;
}

/** The address and the netmask of a block, as `pg_hba_file_rules` shows them. */
export function fieldsOfBlock({ family, bits, mask }: AddressBlock): {
  readonly address: string;
  readonly netmask: string;
} {
  return { address: formatAddress(family, bits), netmask: formatAddress(family, mask) };
}

/** A block as a line of pg_hba.conf has it: `10.0.0.0/8`, or with its mask where that is no prefix. */
export function formatBlock(block: AddressBlock): string {
  const { address, netmask } = fieldsOfBlock(block);
  const length = prefixLength(block);
  return length === undefined ? `${address} ${netmask}` : `${address}/${length}`;
}

/** The addresses in both; undefined when there are none. */
export function intersection(a: AddressBlock, b: AddressBlock): AddressBlock | undefined {
  if (a.family !== b.family || ((a.bits ^ b.bits) & a.mask & b.mask) !== 0n) return undefined;
  return { family: a.family, bits: a.bits | b.bits, mask: a.mask | b.mask };
}

/** Of each block of one set with each of another. */
export function intersections(some: readonly AddressBlock[], others: readonly AddressBlock[]): readonly AddressBlock[] {
  return some.flatMap((a) => others.map((b) => intersection(a, b)).filter((common) => common !== undefined));
}

/** How much searching is still allowed. Masks that are no prefixes can be combined into puzzles without end. */
export interface Budget {
  left: number;
}

/** How many comparisons of names a comparison of addresses takes as long as. */
const STEPS_PER_HOLE = 5;

/** Thrown when the effort is spent. */
export class ComplexityLimitError extends Error {
  override readonly name = 'TooIntricate';
}

/** @throws TooIntricate when there is less than that left */
export function consume(budget: Budget, steps: number): void {
  budget.left -= steps;
  if (budget.left < 0) throw new ComplexityLimitError('the rules are too many or too intricate to be evaluated');
}

/**
 * An address that is in one of the blocks and in none of the holes; undefined when there is none. One that reads well
 * (reserved for documentation, or a network's first) where there is a choice.
 *
 * @throws TooIntricate
 */
export function addressIn(
  blocks: readonly AddressBlock[],
  exclusions: readonly AddressBlock[],
  budget: Budget,
): string | undefined {
  for (const block of blocks) {
    const found = search(block, exclusions, budget);
    if (found !== undefined) return formatAddress(block.family, found);
  }
  return undefined;
}

function search(block: AddressBlock, exclusions: readonly AddressBlock[], budget: Budget): bigint | undefined {
  consume(budget, STEPS_PER_HOLE * (exclusions.length + 1));
  const inside = exclusions.filter((exclusion) => intersection(block, exclusion) !== undefined);
  const fine = readable(block).find((value) => !inside.some((exclusion) => includes(exclusion, value)));
  if (fine !== undefined) return fine;
  const [first] = inside;
  if (first === undefined) return block.bits;
  if (inside.some((exclusion) => (exclusion.mask & ~block.mask) === 0n)) return undefined;
  for (const rest of without(block, first)) {
    const found = search(rest, inside, budget);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is left of a block without a hole in it, in disjoint blocks from the largest to the smallest. */
function* without(block: AddressBlock, exclusion: AddressBlock): Generator<AddressBlock> {
  let { bits, mask } = block;
  for (let bit = 1n << BigInt(WIDTH[block.family] - 1); bit > 0n; bit >>= 1n) {
    if ((exclusion.mask & bit) === 0n || (block.mask & bit) !== 0n) continue;
    yield { family: block.family, bits: bits | (~exclusion.bits & bit), mask: mask | bit };
    bits |= exclusion.bits & bit;
    mask |= bit;
  }
}

/** RFC 5737 and RFC 3849. */
const DOCUMENTATION = [cidr('203.0.113.1/32'), cidr('2001:db8::1/128')];

function readable(block: AddressBlock): readonly bigint[] {
  const examples = DOCUMENTATION.filter((example) => intersection(example, block) !== undefined);
  const first = (block.mask & 1n) === 0n ? [block.bits | 1n] : [];
  return [...examples.map(({ bits }) => bits), ...first, block.bits];
}

function includes(block: AddressBlock, value: bigint): boolean {
  return (value & block.mask) === block.bits;
}

function formatAddress(family: Family, value: bigint): string {
  const bytes = Array.from({ length: WIDTH[family] / 8 }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
  return ipaddr.fromByteArray(bytes.reverse()).toString();
}

function bitsOf(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  return address.toByteArray().reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function prefixMask(family: Family, length: number): bigint {
  return ones(WIDTH[family]) ^ ones(WIDTH[family] - length);
}

function ones(count: number): bigint {
  return (1n << BigInt(count)) - 1n;
}
