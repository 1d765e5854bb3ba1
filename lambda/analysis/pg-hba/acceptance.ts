// Finds the rules of pg_hba.conf that let connections in, where the first match decides.

import type { HbaFacts, HbaRule, HbaRuleType } from '../../model/hba.ts';
import {
  type AddressBlock,
  addressIn,
  type Budget,
  ComplexityLimitError,
  cidr,
  consume,
  EVERY_ADDRESS,
  intersections,
  parseBlock,
} from './address-block.ts';
import { type Classes, classesOf, type Pair } from './classes.ts';
import { type Destination, namesInUse } from './names.ts';

/** What protects a connection over TCP. */
export type Encryption = 'plaintext' | 'tls' | 'gss';

/** The addresses that connections come from. */
export interface Origin {
  readonly blocks: readonly AddressBlock[];
  readonly except: readonly AddressBlock[];
}

/** No host's address. IPv4-mapped ones are not either: the server's IPv6 sockets take IPv6 only. */
const NO_SOURCE = ['0.0.0.0/32', '224.0.0.0/4', '255.255.255.255/32', '::/128', '::ffff:0:0/96', 'ff00::/8'].map(cidr);
export const LOOPBACK: readonly AddressBlock[] = ['127.0.0.0/8', '::1/128'].map(cidr);

/** Wherever a connection may come from other than over the loopback interface. */
export const NETWORK: Origin = { blocks: EVERY_ADDRESS, except: [...NO_SOURCE, ...LOOPBACK] };
/** The same with loopback: a tunnel or a sidecar makes a network of it. */
export const NETWORK_AND_LOOPBACK: Origin = { blocks: EVERY_ADDRESS, except: NO_SOURCE };

/** Whether connections from there come from one of the blocks. */
export function intersectsOrigin(blocks: readonly AddressBlock[], { blocks: origins, except }: Origin): boolean {
  const budget = { left: BUDGET };
  return addressIn(intersections(blocks, origins), except, budget) !== undefined;
}

/** A connection that a rule lets in. */
export interface AcceptedConnection {
  readonly destination: Destination;
  readonly role: string;
  /** One of those that the rule decides about; undefined where which those are is not known. */
  readonly address?: string | undefined;
  /** Why it may be that the rule does not let it in; undefined where it is certain that it does. */
  readonly doubt?: string | undefined;
}

/** A rule by which a connection gets as far as authentication; with `trust`, past it. */
export interface PermissiveRule {
  readonly rule: HbaRule;
  /** Why it may be that the rule lets nothing in; undefined where one of the examples is certain. */
  readonly doubt?: string | undefined;
  /** One to a database, one for physical replication, or either; what is certain comes first. */
  readonly examples: readonly [AcceptedConnection, ...AcceptedConnection[]];
}

export type Acceptance =
  | { readonly status: 'closed' }
  | { readonly status: 'open'; readonly permissiveRules: readonly PermissiveRule[] }
  | { readonly status: 'unknown'; readonly reason: string };

/** Steps: bounds the time for a file that is made to be hard to evaluate to about a second. */
const BUDGET = 20_000_000;

/**
 * Whether connections so encrypted, from such addresses, are accepted for authentication for any role that may log in
 * to any database that takes connections, or for physical replication, and by which rules.
 *
 * Where the facts leave open what a rule matches, an accepting rule counts as matching all that it may match, and a
 * rejecting one as matching only what it must match.
 */
export function acceptance(facts: HbaFacts, encryption: Encryption, from: Origin = NETWORK): Acceptance {
  const unusable = whyUnknown(facts);
  if (unusable !== undefined) return { status: 'unknown', reason: unusable };
  const rules = facts.rules.filter(({ type }) => canMatch(type, encryption));
  const kept = keptFor(facts, from);
  // Most files have the same rules for connections in plaintext and by GSSAPI.
  const key = facts.rules.map(({ type }) => (canMatch(type, encryption) ? '1' : '0')).join('');
  const found = kept.get(key) ?? acceptanceBy(rules, facts, from);
  kept.set(key, found);
  return found;
}

/** Several checks ask the same of the same facts: what was found, by the places of the rules that can match. */
const FOUND = new WeakMap<HbaFacts, WeakMap<Origin, Map<string, Acceptance>>>();

function keptFor(facts: HbaFacts, from: Origin): Map<string, Acceptance> {
  const ofFacts = FOUND.get(facts) ?? new WeakMap<Origin, Map<string, Acceptance>>();
  FOUND.set(facts, ofFacts);
  const kept = ofFacts.get(from) ?? new Map<string, Acceptance>();
  ofFacts.set(from, kept);
  return kept;
}

function acceptanceBy(rules: readonly HbaRule[], facts: HbaFacts, from: Origin): Acceptance {
  try {
    const budget = { left: BUDGET };
    const kinds = connectionKinds(rules, facts, budget);
    const addressed = rules.map(withAddresses);
    const permissiveRules = addressed.flatMap((rule) => findOpening(rule, addressed, kinds, from, budget) ?? []);
    return permissiveRules.length === 0 ? { status: 'closed' } : { status: 'open', permissiveRules };
  } catch (error) {
    if (error instanceof ComplexityLimitError) return { status: 'unknown', reason: error.message };
    throw error;
  }
}

/** Why the rules do not show what the server does; undefined when they do. */
export function whyUnknown({ rules, faults: [fault] }: HbaFacts): string | undefined {
  if (fault !== undefined) {
    const error = fault.error ?? 'PostgreSQL does not say why';
    return `line ${fault.lineNumber} of ${fault.fileName ?? 'pg_hba.conf'} keeps the file from being loaded (${error}), so the server goes by rules it read earlier`;
  }
  if (rules.length > 0) return undefined;
  return 'pg_hba.conf has no rules, which keeps it from being loaded, so the server goes by rules it read earlier';
}

/** Sessions in databases, and physical replication. @throws TooIntricate */
export function connectionKinds(rules: readonly HbaRule[], facts: HbaFacts, budget: Budget): readonly Classes[] {
  const names = namesInUse(facts);
  const roles = facts.roles.filter(({ canLogin }) => canLogin);
  const replicators = roles.filter(({ superuser, replication }) => superuser || replication);
  const databases = facts.databases
    .filter(({ allowConnections }) => allowConnections)
    .map(({ name }) => ({ database: name }));
  return [
    classesOf(rules, databases, roles, names, budget),
    classesOf(rules, ['physical-replication'], replicators, names, budget),
  ];
}

/** Whether rules of a type apply to connections with this encryption, as check_hba in hba.c decides it. */
export function canMatch(type: HbaRuleType, encryption: Encryption): boolean {
  switch (type) {
    case 'local':
      return false;
    case 'host':
      return true;
    case 'hostssl':
      return encryption === 'tls';
    case 'hostnossl':
      return encryption !== 'tls';
    case 'hostgssenc':
      return encryption === 'gss';
    case 'hostnogssenc':
      return encryption !== 'gss';
  }
}

/** The addresses of a rule. */
interface RuleAddresses {
  /** All that it may match. */
  readonly blocks: readonly AddressBlock[];
  /** Those of them that it certainly matches. */
  readonly certain: readonly AddressBlock[];
  /** Why it may match fewer; undefined when it matches all of them. */
  readonly doubt?: string | undefined;
}

interface AddressedRule extends RuleAddresses {
  readonly rule: HbaRule;
  /** Among all rules that can match, as classes count them. */
  readonly index: number;
  readonly accepts: boolean;
}

function withAddresses(rule: HbaRule, index: number): AddressedRule {
  return { rule, index, accepts: rule.method !== 'reject', ...addressesOf(rule) };
}

/** All addresses that a rule may match, those that it certainly does, and why it may match fewer. */
export function addressesOf(rule: HbaRule): RuleAddresses {
  const known = ADDRESSES.get(rule) ?? readAddresses(rule);
  ADDRESSES.set(rule, known);
  return known;
}

/** Each rule's are asked for again and again, and take long to read. */
const ADDRESSES = new WeakMap<HbaRule, RuleAddresses>();

function readAddresses({ address = '', netmask, quotes }: HbaRule): RuleAddresses {
  const block = netmask === undefined ? undefined : parseBlock(address, netmask);
  if (block !== undefined) return { blocks: [block], certain: [block] };
  const keyword = ADDRESS_KEYWORDS.get(address);
  // Quoted, a keyword is the name of a host.
  if (keyword !== undefined && quotes?.address === false) return keyword;
  if (keyword !== undefined && quotes?.address === undefined) {
    return { blocks: EVERY_ADDRESS, certain: [], doubt: keyword.doubt ?? QUOTING };
  }
  // RFC 6761, section 6.3. A name matches where it is that of the address and the address that of the name.
  if (address.toLowerCase() === 'localhost')
    return { blocks: LOOPBACK, certain: [], doubt: 'what localhost is, the server resolves' };
  return { blocks: EVERY_ADDRESS, certain: [], doubt: `the addresses of ${address} are not known here` };
}

/** Also said of a regular expression about which the server was not asked in time, which is as rare. */
export const QUOTING =
  'pg_hba_file_rules does not show whether a keyword (all, replication, sameuser, +group …) is quoted in the file, which makes it a name';

/** Addresses that the loopback interface has; of 127.0.0.0/8 its netmask decides, which is not known here. */
export const OWN_LOOPBACK: readonly AddressBlock[] = ['127.0.0.1/32', '::1/128'].map(cidr);

const ADDRESS_KEYWORDS: ReadonlyMap<string, RuleAddresses> = new Map([
  ['all', { blocks: EVERY_ADDRESS, certain: EVERY_ADDRESS }],
  [
    'samehost',
    {
      blocks: EVERY_ADDRESS,
      certain: OWN_LOOPBACK,
      doubt: "the server's own addresses (samehost) are not known here",
    },
  ],
  [
    'samenet',
    {
      blocks: EVERY_ADDRESS,
      certain: OWN_LOOPBACK,
      doubt: "the networks of the server's interfaces (samenet) are not known here",
    },
  ],
]);

function findOpening(
  candidate: AddressedRule,
  rules: readonly AddressedRule[],
  kinds: readonly Classes[],
  from: Origin,
  budget: Budget,
): PermissiveRule | undefined {
  if (!candidate.accepts) return undefined;
  const earlier = rules.slice(0, candidate.index);
  const found = kinds.flatMap((classes) => findAdmitted(candidate, earlier, classes, from, budget) ?? []);
  const [first, ...others] = found.sort((a, b) => Number(a.doubt !== undefined) - Number(b.doubt !== undefined));
  if (first === undefined) return undefined;
  return { rule: candidate.rule, doubt: first.doubt, examples: [first, ...others] };
}

/** A connection that a rule lets in: one that it certainly does, where there is one. */
function findAdmitted(
  candidate: AddressedRule,
  earlier: readonly AddressedRule[],
  classes: Classes,
  from: Origin,
  budget: Budget,
): AcceptedConnection | undefined {
  const reach = {
    blocks: intersections(candidate.blocks, from.blocks),
    certain: intersections(candidate.certain, from.blocks),
  };
  // Skips the pairs where an earlier rule for all roles and databases already decides.
  const forAll = earlier.filter(({ index }) => classes.matchesAll[index]);
  if (addressIn(reach.blocks, [...from.except, ...certainOf(forAll)], budget) === undefined) return undefined;
  let doubtful: AcceptedConnection | undefined;
  for (const pair of classes.pairsOf(candidate.index)) {
    const found = tryPair(pair, { ...candidate, ...reach }, earlier, from, budget);
    if (found !== undefined && found.doubt === undefined) return found;
    doubtful ??= found;
  }
  return doubtful;
}

/** @param candidate with its addresses as far as connections come from them */
function tryPair(
  { destination, role, matches }: Pair,
  candidate: AddressedRule,
  earlier: readonly AddressedRule[],
  from: Origin,
  budget: Budget,
): AcceptedConnection | undefined {
  consume(budget, earlier.length);
  const exclusions = [...from.except, ...certainOf(earlier.filter(({ index }) => matches(index) === 'yes'))];
  const address = addressIn(candidate.blocks, exclusions, budget);
  if (address === undefined) return undefined;
  const isNamed = matches(candidate.index) === 'yes';
  // An earlier rule that may accept is no reason for doubt: if not by this one, the connection gets in by that one.
  const mayReject = earlier.filter(
    ({ accepts, index, doubt }) => !accepts && matches(index) !== 'no' && !(matches(index) === 'yes' && !doubt),
  );
  const certain = isNamed ? addressIn(candidate.certain, [...exclusions, ...blocksOf(mayReject)], budget) : undefined;
  if (certain !== undefined) return { destination, role, address: certain };
  if (candidate.doubt !== undefined) return { destination, role, doubt: candidate.doubt };
  const [reject] = mayReject;
  if (!isNamed || reject === undefined) return { destination, role, address, doubt: QUOTING };
  const doubt = `line ${reject.rule.lineNumber} may reject it before: ${reject.doubt ?? QUOTING}`;
  return { destination, role, address, doubt };
}

function blocksOf(rules: readonly AddressedRule[]): readonly AddressBlock[] {
  return rules.flatMap(({ blocks }) => blocks);
}

function certainOf(rules: readonly AddressedRule[]): readonly AddressBlock[] {
  return rules.flatMap(({ certain }) => certain);
}
