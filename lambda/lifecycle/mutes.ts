// Matches mutes with findings, and gives each mute the key of its record.

import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { Finding } from '../model/finding.ts';
import type { Mute, MuteMatch } from '../model/mute.ts';
import { namePattern } from '../model/name-pattern.ts';
import { msBetween } from '../model/time.ts';

/** The fields that are compared by name pattern, in the order in which they make a key. */
const NAMES = ['check', 'target', 'role', 'database', 'application'] as const;

/** A mute of the configuration with its compiled matcher. */
export interface ConfiguredMute {
  readonly mute: Mute;
  readonly key: string;
  readonly expired: boolean;
  /** Whether it matches the finding, expired or not. */
  readonly matches: (finding: Finding) => boolean;
}

/** @param now ISO 8601: a mute expires at the very moment that it names */
export function configuredMutes(mutes: readonly Mute[], now: string): readonly ConfiguredMute[] {
  return mutes.map((mute) => ({
    mute,
    key: muteKey(mute.match),
    expired: msBetween(mute.expires, now) >= 0,
    matches: muteMatcher(mute.match),
  }));
}

/** The first mute in force that matches the finding. */
export function activeMute(mutes: readonly ConfiguredMute[], finding: Finding): Mute | undefined {
  return mutes.find(({ expired, matches }) => !expired && matches(finding))?.mute;
}

/** Of the expired mutes that match the finding, the one that expired last. */
export function expiredMute(mutes: readonly ConfiguredMute[], finding: Finding): Mute | undefined {
  return mutes
    .filter(({ expired, matches }) => expired && matches(finding))
    .map(({ mute }) => mute)
    .reduce<Mute | undefined>(
      (last, mute) => (last !== undefined && msBetween(mute.expires, last.expires) >= 0 ? last : mute),
      undefined,
    );
}

/** 16 hexadecimal characters, from `match` alone: a new reason, owner or end keeps the key. */
export function muteKey(match: MuteMatch): string {
  const parts = ['fingerprint' as const, ...NAMES, 'client' as const].map((field) => match[field] ?? null);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/**
 * Makes a function that says whether the mute matches a finding. Every given field must match; a field that the finding
 * does not have matches no pattern, not even `*`. A mute without a field, which the configuration refuses, matches no
 * finding.
 */
export function muteMatcher(match: MuteMatch): (finding: Finding) => boolean {
  const conditions = [...nameConditions(match)];
  const { fingerprint, client } = match;
  if (fingerprint !== undefined) conditions.push((finding) => finding.fingerprint === fingerprint);
  if (client !== undefined) conditions.push(clientCondition(client));
  if (conditions.length === 0) return () => false;
  return (finding) => conditions.every((holds) => holds(finding));
}

function* nameConditions(match: MuteMatch): Iterable<(finding: Finding) => boolean> {
  for (const field of NAMES) {
    const pattern = match[field];
    if (pattern === undefined) continue;
    const fits = namePattern([pattern]);
    yield (finding) => {
      const name = finding[field];
      return name !== undefined && fits(name);
    };
  }
}

/** Every client of the finding must match: a mute for one network must not hide a client from another one. */
function clientCondition(client: string): (finding: Finding) => boolean {
  const block = parseAddressBlock(client);
  return ({ clients = [] }) =>
    block !== undefined &&
    clients.length > 0 &&
    clients.every((each) => {
      const inner = parseAddressBlock(each);
      return inner !== undefined && isWithin(inner, block);
    });
}

interface AddressBlock {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly prefix: number;
}

/** Bits before the IPv4 address in an IPv4-mapped one (RFC 4291, 2.5.5.2). */
const MAPPED_BITS = 96;

/** Parses an address or network; an IPv4-mapped one becomes IPv4. Undefined for every other text. */
function parseAddressBlock(text: string): AddressBlock | undefined {
  if (!text.includes('/')) {
    if (!ipaddr.isValid(text)) return undefined;
    const address = ipaddr.process(text);
    return { address, prefix: address.toByteArray().length * 8 };
  }
  if (!ipaddr.isValidCIDR(text)) return undefined;
  const [address, prefix] = ipaddr.parseCIDR(text);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && prefix >= MAPPED_BITS) {
    return { address: address.toIPv4Address(), prefix: prefix - MAPPED_BITS };
  }
  return { address, prefix };
}

function isWithin(inner: AddressBlock, { address, prefix }: AddressBlock): boolean {
  return inner.address.kind() === address.kind() && inner.prefix >= prefix && inner.address.match(address, prefix);
}
