// Sets of addresses: what is left of some when others are taken away.

import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import {
  type AddressBlock,
  addressIn,
  ComplexityLimitError,
  cidr,
  intersection,
  parseBlock,
  prefixLength,
} from '../../../lambda/analysis/pg-hba/address-block.ts';

/** 192.168.7.0/24, of which every address can be tried. */
const SMALL = cidr('192.168.7.0/24');
const ADDRESSES = Array.from({ length: 256 }, (_, last) => `192.168.7.${last}`);

/** Any bits under any mask of the last byte, prefix or not, wide ones more often than narrow ones. */
const block = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255))
  .map(([bits, mask, thinner]) => within(`192.168.7.${bits}`, `255.255.255.${mask & thinner}`));

test('an address is found if and only if one is left', () => {
  const seen = { found: 0, none: 0 };
  fc.assert(
    fc.property(block, fc.array(block, { maxLength: 12 }), (whole, exclusions) => {
      const left = ADDRESSES.filter(
        (address) => has(whole, address) && !exclusions.some((exclusion) => has(exclusion, address)),
      );
      const found = addressIn([whole], exclusions, { left: 100_000 });
      if (left.length === 0) expect(found).toBeUndefined();
      else expect(left).toContain(found);
      seen[left.length === 0 ? 'none' : 'found'] += 1;
    }),
    { numRuns: 500 },
  );
  expect(Math.min(seen.found, seen.none), JSON.stringify(seen)).toBeGreaterThan(20);
});

test('an intersection holds the addresses that are in both', () => {
  fc.assert(
    fc.property(block, block, (a, b) => {
      const common = intersection(a, b);
      for (const address of ADDRESSES) {
        expect(common !== undefined && has(common, address)).toBe(has(a, address) && has(b, address));
      }
    }),
  );
});

test('an address is found in the second of two blocks', () => {
  expect(addressIn([cidr('10.0.0.0/8'), SMALL], [cidr('10.0.0.0/7')], { left: 1000 })).toBe('192.168.7.1');
});

test('families have nothing in common', () => {
  expect(intersection(cidr('0.0.0.0/0'), cidr('::/0'))).toBeUndefined();
  expect(addressIn([cidr('::/0')], [cidr('0.0.0.0/0')], { left: 1000 })).toBe('2001:db8::1');
});

test('a search that takes too long is given up', () => {
  expect(() => addressIn([SMALL], [cidr('192.168.7.0/25'), cidr('192.168.7.1/32')], { left: 5 })).toThrow(
    ComplexityLimitError,
  );
});

describe('an address with a netmask', () => {
  test.each([
    ['10.0.0.0', '255.0.0.0', 8],
    ['10.0.0.0', '0.0.0.0', 0],
    ['10.0.0.1', '255.255.255.255', 32],
    ['2001:db8::', 'ffff:ffff::', 32],
    ['::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 128],
    ['10.0.0.0', '255.0.255.0', undefined],
    ['10.0.0.0', '0.0.0.255', undefined],
  ])('%s %s has a prefix of %s bits', (address, netmask, length) => {
    expect(prefixLength(within(address, netmask))).toBe(length);
  });

  test.each([
    ['db.example.com', '255.0.0.0'],
    ['10.0.0.0', '???'],
    ['10.0.0.0', 'ffff::'],
  ])('%s %s is none', (address, netmask) => {
    expect(parseBlock(address, netmask)).toBeUndefined();
  });
});

function within(address: string, netmask: string): AddressBlock {
  const parsed = parseBlock(address, netmask);
  if (parsed === undefined) throw new Error(`no addresses: ${address} ${netmask}`);
  return parsed;
}

function has(set: AddressBlock, address: string): boolean {
  const value = ipaddr
    .parse(address)
    .toByteArray()
    .reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return (value & set.mask) === set.bits;
}
