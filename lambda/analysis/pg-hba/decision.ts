// Finds the rule of pg_hba.conf that decides about one connection.

import type { HbaFacts, HbaRole, HbaRule } from '../../model/hba.ts';
import { addressesOf, canMatch, type Encryption, QUOTING, whyUnknown } from './acceptance.ts';
import { type AddressBlock, intersection, parseBlock } from './address-block.ts';
import {
  both,
  databasesOf,
  type Match,
  matchDatabases,
  matchUsers,
  membershipOf,
  type NamesInUse,
  namesInUse,
  usersOf,
} from './names.ts';

/** A connection to a database, as the server sees it come. */
export interface KnownConnection {
  readonly encryption: Encryption;
  readonly role: string;
  readonly database: string;
  readonly address: string;
}

export type Decision =
  /** It gets as far as authentication; with `trust`, past it. */
  | { readonly status: 'accepted'; readonly rule: HbaRule }
  /** By a rule with `reject`, or, without a rule, because none matches. */
  | { readonly status: 'rejected'; readonly rule?: HbaRule | undefined }
  /** With the rules that may decide otherwise than the one that certainly matches, or than none. */
  | { readonly status: 'unknown'; readonly reason: string; readonly doubtful: readonly HbaRule[] };

/** A rule that matches a connection, or may. */
export interface Candidate {
  readonly rule: HbaRule;
  /** Why it may be that it does not match; undefined where it does. */
  readonly doubt?: string | undefined;
}

/** By the file as it stands: that the server has loaded it is not said. */
export function decide(facts: HbaFacts, connection: KnownConnection): Decision {
  const met = candidatesFor(facts, connection);
  if ('reason' in met) return { status: 'unknown', reason: met.reason, doubtful: [] };
  const last = met.candidates.at(-1);
  const decider = last?.doubt === undefined ? last?.rule : undefined;
  // Rules that may match before do not matter where they decide as the one does that certainly matches.
  const accepts = decider !== undefined && accepting(decider);
  const others = met.candidates.filter(({ rule }) => accepting(rule) !== accepts);
  const [other] = others;
  if (other !== undefined) {
    return {
      status: 'unknown',
      reason: `line ${other.rule.lineNumber} may decide: ${other.doubt ?? QUOTING}`,
      doubtful: others.map(({ rule }) => rule),
    };
  }
  // The first that may match is as good a one to name, and the one that a reader meets first.
  const rule = met.candidates[0]?.rule;
  return accepts && rule !== undefined ? { status: 'accepted', rule } : { status: 'rejected', rule };
}

/**
 * The rules that match the connection or may, in their order, up to the first that certainly does; or why that is not
 * known.
 */
export function candidatesFor(
  facts: HbaFacts,
  { encryption, role: name, database, address }: KnownConnection,
): { readonly candidates: readonly Candidate[]; readonly role: HbaRole } | { readonly reason: string } {
  const unusable = whyUnknown(facts);
  if (unusable !== undefined) return { reason: unusable };
  const role = facts.roles.find((one) => one.name === name);
  if (role === undefined) return { reason: 'the role is not among those that the server lists' };
  const host = parseBlock(address);
  if (host === undefined) return { reason: `${address} is no address` };

  const names = namesInUse(facts);
  const candidates: Candidate[] = [];
  for (const rule of facts.rules.filter(({ type }) => canMatch(type, encryption))) {
    const { match, doubt } = matchOf(rule, { role, database, host }, names);
    if (match === 'no') continue;
    candidates.push(match === 'yes' ? { rule } : { rule, doubt: doubt ?? QUOTING });
    if (match === 'yes') break;
  }
  return { candidates, role };
}

function matchOf(
  rule: HbaRule,
  { role, database, host }: { readonly role: HbaRole; readonly database: string; readonly host: AddressBlock },
  names: NamesInUse,
): { readonly match: Match; readonly doubt?: string | undefined } {
  const byName = both(
    matchDatabases(databasesOf(rule), { database }, membershipOf(role, database, names), names),
    matchUsers(usersOf(rule), role, names),
  );
  const { blocks, certain, doubt } = addressesOf(rule);
  const byAddress: Match = covers(certain, host) ? 'yes' : covers(blocks, host) ? 'maybe' : 'no';
  return { match: both(byName, byAddress), doubt: byAddress === 'maybe' ? doubt : undefined };
}

function covers(blocks: readonly AddressBlock[], host: AddressBlock): boolean {
  return blocks.some((block) => intersection(block, host) !== undefined);
}

function accepting({ method }: HbaRule): boolean {
  return method !== 'reject';
}
