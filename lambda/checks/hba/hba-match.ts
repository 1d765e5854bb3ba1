// Which rules of pg_hba.conf let connections in, by the order in which PostgreSQL tries them: the first that matches
// a connection decides, whatever it says.

import type { HbaFacts, HbaRule, HbaRuleType } from '../../model/hba.ts';
import {
  type AddressBlock,
  addressIn,
  cidr,
  type Effort,
  EVERY_ADDRESS,
  intersection,
  parseBlock,
  spend,
  TooIntricate,
} from './address-block.ts';
import { type Classes, classesOf, type Pair } from './hba-classes.ts';
import { type Destination, namesInUse } from './hba-names.ts';

/** What protects a connection over TCP. */
export type Encryption = 'plaintext' | 'tls' | 'gss';

/** The addresses that connections come from. */
export interface Origin {
  readonly blocks: readonly AddressBlock[];
  readonly except: readonly AddressBlock[];
}

/** No host's address. IPv4-mapped ones are not either: the server's IPv6 sockets take IPv6 only. */
const NO_SOURCE = ['0.0.0.0/32', '224.0.0.0/4', '255.255.255.255/32', '::/128', '::ffff:0:0/96', 'ff00::/8'].map(cidr);
const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(cidr);

/** Wherever a connection may come from other than over the loopback interface. */
export const NETWORK: Origin = { blocks: EVERY_ADDRESS, except: [...NO_SOURCE, ...LOOPBACK] };
/** The same with loopback: a tunnel or a sidecar makes a network of it. */
export const NETWORK_AND_LOOPBACK: Origin = { blocks: EVERY_ADDRESS, except: NO_SOURCE };

/** A connection that a rule lets in. */
export interface Admitted {
  readonly destination: Destination;
  readonly role: string;
  /** One of those that the rule decides about; undefined where which those are is not known. */
  readonly address?: string | undefined;
}

/** A rule by which a connection gets as far as authentication; with `trust`, past it. */
export interface Opening {
  readonly rule: HbaRule;
  /** Why it may be that the rule lets nothing in; undefined where it is certain that it does. */
  readonly doubt?: string | undefined;
  /** One to a database, one for physical replication, or either. */
  readonly examples: readonly [Admitted, ...Admitted[]];
}

export type Acceptance =
  | { readonly status: 'closed' }
  | {
      readonly status: 'open';
      readonly openings: readonly Opening[];
      /** Rules that the same connections would meet next, once the openings no longer match them. */
      readonly next: readonly Opening[];
    }
  | { readonly status: 'unknown'; readonly reason: string };

/** Bounds the time that a file made to be hard to judge can take to about a second. */
const EFFORT = 20_000_000;

/**
 * Whether connections so encrypted, from such addresses, are accepted for authentication for any role that may log in
 * to any database that takes connections, or for physical replication, and by which rules.
 *
 * Where the facts leave it open what a rule matches, it is taken to let in all it may and to keep out only what it must.
 */
export function acceptance(facts: HbaFacts, encryption: Encryption, from: Origin = NETWORK): Acceptance {
  const unusable = whyUnknown(facts);
  if (unusable !== undefined) return { status: 'unknown', reason: unusable };
  try {
    const effort = { left: EFFORT };
    const [openings, ...next] = rounds(facts, encryption, from, effort);
    return openings === undefined ? { status: 'closed' } : { status: 'open', openings, next: next.flat() };
  } catch (error) {
    if (error instanceof TooIntricate) return { status: 'unknown', reason: error.message };
    throw error;
  }
}

/** Why the rules don't tell what the server does; undefined when they do. */
export function whyUnknown({ rules, faults: [fault] }: HbaFacts): string | undefined {
  if (fault !== undefined) {
    const error = fault.error ?? 'PostgreSQL does not say why';
    return `line ${fault.lineNumber} of ${fault.fileName ?? 'pg_hba.conf'} keeps the file from being loaded (${error}), so the server goes by rules it read earlier`;
  }
  if (rules.length > 0) return undefined;
  return 'pg_hba.conf has no rules, which keeps it from being loaded, so the server goes by rules it read earlier';
}

/** The openings, then those that appear when they are closed, and so on until there are none. */
function* rounds(facts: HbaFacts, encryption: Encryption, from: Origin, effort: Effort): Generator<readonly Opening[]> {
  const rules = facts.rules.filter(({ type }) => canMatch(type, encryption));
  const kinds = connectionKinds(rules, facts, effort);
  let open = rules.map(withAddresses);
  for (;;) {
    const openings = open.flatMap((rule) => findOpening(rule, open, kinds, from, effort) ?? []);
    if (openings.length === 0) return;
    yield openings;
    const closed = new Set(openings.map(({ rule }) => rule));
    open = open.filter(({ rule }) => !closed.has(rule));
  }
}

/** Sessions in databases, and physical replication. */
function connectionKinds(rules: readonly HbaRule[], facts: HbaFacts, effort: Effort): readonly Classes[] {
  const names = namesInUse(facts);
  const roles = facts.roles.filter(({ canLogin }) => canLogin);
  const replicators = roles.filter(({ superuser, replication }) => superuser || replication);
  const databases = facts.databases
    .filter(({ allowConnections }) => allowConnections)
    .map(({ name }) => ({ database: name }));
  return [
    classesOf(rules, databases, roles, names, effort),
    classesOf(rules, ['physical-replication'], replicators, names, effort),
  ];
}

/** Whether rules of a type speak of connections so encrypted: as check_hba in hba.c has it. */
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

interface AddressedRule {
  readonly rule: HbaRule;
  /** Among all rules that can match, as classes count them. */
  readonly index: number;
  readonly accepts: boolean;
  /** All addresses that it may match. */
  readonly blocks: readonly AddressBlock[];
  /** Why it may match fewer; undefined when it matches all of them. */
  readonly doubt?: string | undefined;
}

function withAddresses(rule: HbaRule, index: number): AddressedRule {
  return { rule, index, accepts: rule.method !== 'reject', ...addressesOf(rule) };
}

/** All addresses that a rule may match, and why it may match fewer. */
export function addressesOf({ address = '', netmask }: HbaRule): Pick<AddressedRule, 'blocks' | 'doubt'> {
  if (address === 'all') return { blocks: EVERY_ADDRESS };
  const block = netmask === undefined ? undefined : parseBlock(address, netmask);
  if (block !== undefined) return { blocks: [block] };
  // RFC 6761, section 6.3. A name matches where it is that of the address and the address that of the name.
  if (address.toLowerCase() === 'localhost')
    return { blocks: LOOPBACK, doubt: 'what localhost is, the server resolves' };
  const what = UNKNOWN_TO_US[address] ?? `the addresses of ${address}`;
  return { blocks: EVERY_ADDRESS, doubt: `${what} are not known here` };
}

const UNKNOWN_TO_US: Readonly<Record<string, string>> = {
  samehost: "the server's own addresses (samehost)",
  samenet: "the networks of the server's interfaces (samenet)",
};

function findOpening(
  candidate: AddressedRule,
  rules: readonly AddressedRule[],
  kinds: readonly Classes[],
  from: Origin,
  effort: Effort,
): Opening | undefined {
  if (!candidate.accepts) return undefined;
  const earlier = rules.slice(0, rules.indexOf(candidate));
  const [first, ...others] = kinds.flatMap((classes) => findAdmitted(candidate, earlier, classes, from, effort) ?? []);
  if (first === undefined) return undefined;
  const certain = [first, ...others].some(({ doubt }) => doubt === undefined);
  return {
    rule: candidate.rule,
    doubt: certain ? undefined : first.doubt,
    examples: [first.connection, ...others.map(({ connection }) => connection)],
  };
}

interface Found {
  readonly connection: Admitted;
  readonly doubt?: string | undefined;
}

/** A connection that a rule lets in: one that it certainly does, where there is one. */
function findAdmitted(
  candidate: AddressedRule,
  earlier: readonly AddressedRule[],
  classes: Classes,
  from: Origin,
  effort: Effort,
): Found | undefined {
  const blocks = candidate.blocks.flatMap((block) =>
    from.blocks.map((origin) => intersection(block, origin)).filter((common) => common !== undefined),
  );
  // Saves the look at every pair in files that settle most with a rule for everybody.
  const forAll = earlier.filter(({ doubt, index }) => doubt === undefined && classes.matchesAll[index]);
  if (addressIn(blocks, [...from.except, ...blocksOf(forAll)], effort) === undefined) return undefined;
  let doubtful: Found | undefined;
  for (const pair of classes.pairsOf(candidate.index)) {
    const found = tryPair(pair, candidate, blocks, earlier, from, effort);
    if (found !== undefined && found.doubt === undefined) return found;
    doubtful ??= found;
  }
  return doubtful;
}

/** @param blocks the candidate's addresses, as far as connections come from them */
function tryPair(
  { destination, role, matches }: Pair,
  candidate: AddressedRule,
  blocks: readonly AddressBlock[],
  earlier: readonly AddressedRule[],
  from: Origin,
  effort: Effort,
): Found | undefined {
  spend(effort, earlier.length);
  const decided = earlier.filter(({ doubt, index }) => doubt === undefined && matches(index) === 'yes');
  const holes = [...from.except, ...blocksOf(decided)];
  const address = addressIn(blocks, holes, effort);
  if (address === undefined) return undefined;
  if (candidate.doubt !== undefined) return { connection: { destination, role }, doubt: candidate.doubt };
  if (matches(candidate.index) === 'maybe') return { connection: { destination, role, address }, doubt: QUOTING };
  // An earlier rule that may accept is no reason for doubt: if not by this one, the connection gets in by that one.
  const mayReject = earlier.filter((rule) => !rule.accepts && !decided.includes(rule) && matches(rule.index) !== 'no');
  const [reject] = mayReject;
  if (reject === undefined) return { connection: { destination, role, address } };
  const certain = addressIn(blocks, [...holes, ...blocksOf(mayReject)], effort);
  if (certain !== undefined) return { connection: { destination, role, address: certain } };
  return {
    connection: { destination, role, address },
    doubt: `line ${reject.rule.lineNumber} may reject it before: ${reject.doubt ?? QUOTING}`,
  };
}

/** Also said of a regular expression about which the server was not asked in time, which is as rare. */
export const QUOTING = 'pg_hba_file_rules does not show whether a name that is also a keyword is quoted';

function blocksOf(rules: readonly AddressedRule[]): readonly AddressBlock[] {
  return rules.flatMap(({ blocks }) => blocks);
}
