// Tries connections of every kind with the old rules and the new ones, as PostgreSQL decides about them.

import {
  addressesOf,
  canMatch,
  connectionKinds,
  type Encryption,
  intersectsOrigin,
  LOOPBACK,
  NETWORK,
  OWN_LOOPBACK,
} from '../../analysis/pg-hba/acceptance.ts';
import {
  type AddressBlock,
  addressIn,
  type Budget,
  ComplexityLimitError,
  consume,
  intersection,
  parseBlock,
} from '../../analysis/pg-hba/address-block.ts';
import type { Pair } from '../../analysis/pg-hba/classes.ts';
import type { HbaFacts, HbaRule } from '../../model/hba.ts';
import type { DerivedRule } from './derived-rule.ts';

/** A connection that would not be as it has to be. */
export interface Mismatch {
  /** The place, among the old rules, of the one whose change decides about it; undefined where none does. */
  readonly origin: number | undefined;
  readonly encryption: Encryption;
  readonly address: string;
}

export type Trial =
  | { readonly status: 'done'; readonly tried: number; readonly mismatches: readonly Mismatch[] }
  | { readonly status: 'unknown'; readonly reason: string };

/** Steps: about a second. */
export const BUDGET = 20_000_000;

/** More are not of use: one is enough to change something. */
const MOST_MISMATCHES = 20;

interface Line extends DerivedRule {
  readonly blocks: readonly AddressBlock[];
  readonly certain: readonly AddressBlock[];
  readonly accepts: boolean;
}

/** How words are read of which it is not known whether they are quoted. */
const READINGS = ['as keywords', 'as names'] as const;
type Reading = (typeof READINGS)[number];

interface Address {
  readonly text: string;
  readonly block: AddressBlock;
  readonly onLoopback: boolean;
}

/** What has to be refused in plaintext over the network, while all else stays exactly as it is. */
export interface Stage {
  readonly roles: ReadonlySet<string>;
  /** New rules, whose places are those after the old rules. */
  readonly added: readonly HbaRule[];
}

interface Tried {
  readonly gss: boolean;
  /** Undefined where plaintext ends for all roles, and those who had it get in over TLS. */
  readonly stage?: Stage | undefined;
  /** @default what one trial may take */
  readonly budget?: Budget | undefined;
}

/**
 * Tries every class of role and destination, from an address of every kind that the rules tell apart, in plaintext,
 * over TLS and, where the server has it, encrypted by GSSAPI.
 */
export function tryRules(facts: HbaFacts, after: readonly DerivedRule[], given: Tried): Trial {
  const { gss, stage, budget = { left: BUDGET } } = given;
  try {
    const old = facts.rules.map((rule, origin) => lineOf({ rule, origin }));
    const next = after.map(lineOf);
    const addresses = addressesOfAll([...old, ...next], budget);
    const encryptions: readonly Encryption[] = gss ? ['plaintext', 'tls', 'gss'] : ['plaintext', 'tls'];
    const mismatches: Mismatch[] = [];
    let tried = 0;
    for (const pair of pairsOf(facts, [...facts.rules, ...(stage?.added ?? [])], budget)) {
      const closes = stage === undefined ? undefined : stage.roles.has(pair.role);
      for (const reading of READINGS) {
        const [before, now] = [old, next].map((lines) => lines.filter((line) => names(line, pair, reading)));
        if (before === undefined || now === undefined) continue;
        consume(budget, old.length + next.length);
        for (const address of addresses) {
          consume(budget, 2 * encryptions.length * (before.length + now.length + 1));
          for (const encryption of encryptions) {
            tried += 1;
            const wrong = mismatchOf({ before, now, address, reading, closes }, encryption);
            if (wrong !== undefined) mismatches.push(wrong);
          }
        }
        if (mismatches.length >= MOST_MISMATCHES) return { status: 'done', tried, mismatches };
      }
    }
    return { status: 'done', tried, mismatches };
  } catch (error) {
    if (error instanceof ComplexityLimitError) return { status: 'unknown', reason: error.message };
    throw error;
  }
}

function lineOf({ rule, origin, ifKeyword }: DerivedRule): Line {
  const { blocks, certain } = addressesOf(rule);
  return { rule, origin, ifKeyword, blocks, certain, accepts: rule.method !== 'reject' };
}

function* pairsOf(facts: HbaFacts, rules: readonly HbaRule[], budget: Budget): Generator<Pair> {
  for (const classes of connectionKinds(rules, facts, budget)) {
    // Of what no rule names, each pair is decided alike by both: it is refused.
    for (const index of rules.keys()) yield* classes.pairsOf(index);
  }
}

function names({ origin }: Line, pair: Pair, reading: Reading): boolean {
  const match = pair.matches(origin);
  return match === 'yes' || (match === 'maybe' && reading === 'as keywords');
}

interface Attempt {
  /** Those whose names mean the connection. */
  readonly before: readonly Line[];
  readonly now: readonly Line[];
  readonly address: Address;
  readonly reading: Reading;
  /** Of a stage: whether it closes plaintext to the role. */
  readonly closes: boolean | undefined;
}

/** How the connection would not be as it has to be; undefined where all is well. */
function mismatchOf({ before, now, address, reading, closes }: Attempt, encryption: Encryption): Mismatch | undefined {
  const decider = (lines: readonly Line[], by: Encryption): Line | undefined =>
    lines.find((line) => canMatch(line.rule.type, by) && covers(line, address, reading));
  const admits = (line: Line | undefined): Line | undefined => (line?.accepts ? line : undefined);
  const found = decider(now, encryption);
  const is = admits(found);
  const was = admits(decider(before, encryption));
  const wrong: Mismatch = { origin: found?.origin, encryption, address: address.text };
  if (encryption === 'plaintext' && !address.onLoopback && closes !== false)
    return is === undefined ? undefined : wrong;
  if (was !== undefined) return is !== undefined && isSameMethod(is.rule, was.rule) ? undefined : wrong;
  if (encryption !== 'tls' || closes !== undefined) return is === undefined ? undefined : wrong;
  // Who got in without encryption only, has to get in over TLS; on loopback nothing is taken away.
  const plain = admits(decider(before, 'plaintext'));
  if (plain === undefined) return is === undefined ? undefined : wrong;
  return is === undefined && !address.onLoopback ? { ...wrong, origin: found?.origin ?? plain.origin } : undefined;
}

function isSameMethod(one: HbaRule, other: HbaRule): boolean {
  return one.method === other.method && one.options.join('\n') === other.options.join('\n');
}

function covers(line: Line, { block, onLoopback }: Address, reading: Reading): boolean {
  const { blocks, certain, rule, ifKeyword } = line;
  const within = (some: readonly AddressBlock[]): boolean =>
    some.some((each) => intersection(each, block) !== undefined);
  if (reading === 'as names' && ifKeyword) return false;
  if (within(certain)) return true;
  if (!within(blocks) || reading === 'as names') return false;
  if (!onLoopback) return true;
  // Which addresses loopback has besides is not known, and a host's name is taken for that of another machine.
  if (rule.quotes?.address === true) return false;
  return rule.address === 'samehost' ? within(OWN_LOOPBACK) : rule.address === 'all' || rule.address === 'samenet';
}

/** An address of each kind that the rules tell apart, with those of loopback. */
function addressesOfAll(lines: readonly Line[], budget: Budget): readonly Address[] {
  const all = [...lines.flatMap(({ blocks, certain }) => [...blocks, ...certain]), ...LOOPBACK];
  const blocks = [...new Map(all.map((block) => [keyOf(block), block])).values()];
  consume(budget, blocks.length * blocks.length);
  const shared = blocks.flatMap((one) => blocks.flatMap((other) => intersection(one, other) ?? []));
  const parts = [...new Map([...blocks, ...shared].map((block) => [keyOf(block), block])).values()];
  // Of prefixes no more than there are blocks, of other masks as many as there are pairs.
  consume(budget, parts.length * parts.length);
  const texts = parts.flatMap((part) => {
    const smaller = parts.filter((other) => other !== part && isWithin(other, part));
    return addressIn([part], smaller, budget) ?? [];
  });
  return [...new Set([...texts, '127.0.0.1', '127.0.0.2', '::1'])].flatMap((text) => {
    const block = parseBlock(text);
    if (block === undefined) return [];
    const onLoopback = LOOPBACK.some((each) => intersection(each, block) !== undefined);
    return onLoopback || intersectsOrigin([block], NETWORK) ? [{ text, block, onLoopback }] : [];
  });
}

function keyOf({ family, bits, mask }: AddressBlock): string {
  return `${family} ${bits} ${mask}`;
}

function isWithin(inner: AddressBlock, outer: AddressBlock): boolean {
  const common = intersection(inner, outer);
  return common !== undefined && common.mask === inner.mask && common.bits === inner.bits;
}
