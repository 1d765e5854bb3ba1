// Which rule of pg_hba.conf decides about one connection whose role, database and address are known.

import type { HbaFacts, HbaRule } from '../../model/hba.ts';
import { intersection, parseBlock } from './address-block.ts';
import { addressesOf, canMatch, type Encryption, QUOTING, whyUnknown } from './hba-match.ts';
import { both, kinshipOf, type Match, matchDestination, matchRole, namesInUse } from './hba-names.ts';

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
  | { readonly status: 'unknown'; readonly reason: string };

/** By the file as it stands: that the server has loaded it is not said. */
export function decide(facts: HbaFacts, { encryption, role: name, database, address }: KnownConnection): Decision {
  const unusable = whyUnknown(facts);
  if (unusable !== undefined) return { status: 'unknown', reason: unusable };
  const role = facts.roles.find((one) => one.name === name);
  if (role === undefined) return { status: 'unknown', reason: 'the role is not among those that the server lists' };
  const host = parseBlock(address);
  if (host === undefined) return { status: 'unknown', reason: `${address} is no address` };

  const names = namesInUse(facts);
  const kinship = kinshipOf(role, database);
  const doubts: { readonly rule: HbaRule; readonly doubt: string }[] = [];
  for (const rule of facts.rules.filter(({ type }) => canMatch(type, encryption))) {
    const byName = both(
      matchDestination(rule.databases, { database }, kinship, names),
      matchRole(rule.users, role, names),
    );
    const { blocks, doubt } = addressesOf(rule);
    const covers = blocks.some((block) => intersection(block, host) !== undefined);
    const byAddress: Match = !covers ? 'no' : doubt === undefined ? 'yes' : 'maybe';
    const match = both(byName, byAddress);
    if (match === 'no') continue;
    if (match === 'yes') return afterDoubts(doubts, rule);
    doubts.push({ rule, doubt: doubt ?? QUOTING });
  }
  return afterDoubts(doubts, undefined);
}

/** Rules that may match before do not matter where they decide as the one does that certainly matches. */
function afterDoubts(
  doubts: readonly { readonly rule: HbaRule; readonly doubt: string }[],
  last: HbaRule | undefined,
): Decision {
  const accepts = last !== undefined && accepting(last);
  const other = doubts.find(({ rule }) => accepting(rule) !== accepts);
  if (other !== undefined) {
    return { status: 'unknown', reason: `line ${other.rule.lineNumber} may decide: ${other.doubt}` };
  }
  // The first that may match is as good a one to name, and the one that a reader meets first.
  const rule = doubts[0]?.rule ?? last;
  return accepts && rule !== undefined ? { status: 'accepted', rule } : { status: 'rejected', rule };
}

function accepting({ method }: HbaRule): boolean {
  return method !== 'reject';
}
