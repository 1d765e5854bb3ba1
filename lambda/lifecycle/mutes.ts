// Which findings a mute means, and by what it is remembered.

import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import type { Finding } from '../model/finding.ts';
import type { Mute, MuteMatch } from '../model/mute.ts';
import { namePattern } from '../model/name-pattern.ts';
import { msBetween } from '../model/time.ts';

/** What is compared as a name, in the order that makes a key. */
const NAMES = ['check', 'target', 'role', 'database', 'application'] as const;

/** A mute of the configuration, ready to be held against findings. */
export interface ConfiguredMute {
  readonly mute: Mute;
  readonly key: string;
  readonly expired: boolean;
  /** Whether it means the finding, expired or not. */
  readonly matches: (finding: Finding) => boolean;
}

/** @param now ISO 8601: a mute ends at the very moment it names */
export function configuredMutes(mutes: readonly Mute[], now: string): readonly ConfiguredMute[] {
  return mutes.map((mute) => ({
    mute,
    key: muteKey(mute.match),
    expired: msBetween(mute.expires, now) >= 0,
    matches: muteMatcher(mute.match),
  }));
}

/** The first mute that silences the finding. */
export function activeMute(mutes: readonly ConfiguredMute[], finding: Finding): Mute | undefined {
  return mutes.find(({ expired, matches }) => !expired && matches(finding))?.mute;
}

/** The mute that silenced the finding until last, of those that silence no more. */
export function expiredMute(mutes: readonly ConfiguredMute[], finding: Finding): Mute | undefined {
  return mutes
    .filter(({ expired, matches }) => expired && matches(finding))
    .map(({ mute }) => mute)
    .reduce<Mute | undefined>(
      (last, mute) => (last !== undefined && msBetween(mute.expires, last.expires) >= 0 ? last : mute),
      undefined,
    );
}

/** 16 hexadecimal characters, by what the mute matches alone: a new reason, owner or end makes no other mute of it. */
export function muteKey(match: MuteMatch): string {
  const parts = ['fingerprint' as const, ...NAMES, 'client' as const].map((field) => match[field] ?? null);
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/**
 * Whether a finding is one that the mute means: all that is given must match, and what the finding does not have matches
 * nothing, `*` included. A mute without anything to match, which the configuration refuses, means no finding.
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

/** Every client: a mute for one network must not hide who comes from another. */
function clientCondition(client: string): (finding: Finding) => boolean {
  const network = parseNetwork(client);
  return ({ clients = [] }) =>
    network !== undefined &&
    clients.length > 0 &&
    clients.every((each) => {
      const inner = parseNetwork(each);
      return inner !== undefined && isWithin(inner, network);
    });
}

interface Network {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly prefix: number;
}

/** Bits before the IPv4 address in an IPv4-mapped one (RFC 4291, 2.5.5.2). */
const MAPPED_BITS = 96;

/** An address or network; IPv4-mapped ones as the IPv4 that they are. Undefined for what is neither. */
function parseNetwork(text: string): Network | undefined {
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

function isWithin(inner: Network, { address, prefix }: Network): boolean {
  return inner.address.kind() === address.kind() && inner.prefix >= prefix && inner.address.match(address, prefix);
}
