// Decides which lines of pg_hba.conf change so that plaintext over the network is refused and nothing else is.

import {
  addressesOf,
  canMatch,
  intersectsOrigin,
  LOOPBACK,
  NETWORK,
  OWN_LOOPBACK,
  whyUnknown,
} from '../../analysis/pg-hba/acceptance.ts';
import { type AddressBlock, fieldsOfBlock, intersections } from '../../analysis/pg-hba/address-block.ts';
import { isInDoubt } from '../../analysis/pg-hba/names.ts';
import type { HbaFacts, HbaPlace, HbaRule } from '../../model/hba.ts';
import type { DerivedRule } from './derived-rule.ts';
import { BUDGET, type Mismatch, tryRules } from './trial.ts';
import { isWritable } from './writable.ts';

/** What becomes of one line. */
export interface LineChange {
  readonly rule: HbaRule;
  /** Addresses for which copies of the line as it was stand above it, so that loopback stays as it is. */
  readonly loopback: readonly AddressBlock[];
  /** Whether a copy for what GSSAPI encrypts stands above it. */
  readonly gss: boolean;
  /** Its first word from now on; `off` where it becomes a comment, and `moved` stands in its place. */
  readonly becomes: 'hostssl' | 'off' | 'same';
  /** New lines that stand right above it, under its copies. */
  readonly refusing?: readonly HbaRule[] | undefined;
  /** Where its clients get in over TLS instead: above that line, or at the end of that file. */
  readonly moved?: { readonly to: 'above' | 'end'; readonly of: HbaRule } | undefined;
}

export type HbaPlan =
  /** Plaintext over the network is refused as it is. */
  | { readonly status: 'closed' }
  | {
      readonly status: 'open';
      readonly changes: readonly LineChange[];
      /** The rules as they are then, in their order. */
      readonly after: readonly DerivedRule[];
      /** How many connections of different kinds were tried with the old rules and the new ones. */
      readonly tried: number;
    }
  | { readonly status: 'unknown'; readonly reason: string };

const QUOTES_UNKNOWN =
  'there are hostnossl lines, and the login does not see which words of the file are quoted: GRANT pg_read_server_files to it, and EXECUTE on pg_read_file(text, bigint, bigint, boolean), or change these lines by hand';

/** `hostgssenc` came with PostgreSQL 12. */
const GSS_SINCE = 12;

/**
 * Whether no line lets plaintext in over the network: what `planRules` calls closed, without a trial.
 *
 * @returns undefined where the rules can't be relied on
 */
export function refusesAsItIs(facts: HbaFacts): boolean | undefined {
  return whyUnknown(facts) === undefined ? !facts.rules.some(letsPlaintextIn) : undefined;
}

/**
 * The least change of lines after which plaintext TCP is refused but over loopback, which stays as it was; TLS lets in
 * all whom the old rules let in, each by the method that it had, and no one else; sockets stay as they are. It is tried
 * with the old rules and the new ones, and unknown where the trial finds a connection for which that is not so.
 *
 * @param gssSeen whether a session was seen that GSSAPI encrypts
 */
export function planRules(facts: HbaFacts, { gssSeen = false }: { readonly gssSeen?: boolean } = {}): HbaPlan {
  const unusable = whyUnknown(facts);
  if (unusable !== undefined) return { status: 'unknown', reason: unusable };
  const gss = usesGss(facts, gssSeen);
  const first = changesOf(facts.rules, gss, new Set());
  if (first.size === 0) return { status: 'closed' };
  // Only these lines come to matter for TLS that did not before: what they shadow depends on every word that is quoted.
  if ([...first.values()].some(({ rule }) => rule.type === 'hostnossl') && facts.rules.some(isInDoubt)) {
    return { status: 'unknown', reason: QUOTES_UNKNOWN };
  }
  // A line for plaintext only that lets in over TLS what later lines let in otherwise, moves behind those.
  const moved = new Set<number>();
  // One for all trials: as many lines may have to move as the file has.
  const budget = { left: BUDGET };
  for (;;) {
    const changes = changesOf(facts.rules, gss, moved);
    const after = rulesAfter(facts.rules, changes);
    const trial = tryRules(facts, after, { gss, budget });
    if (trial.status === 'unknown') return trial;
    if (trial.mismatches.length === 0) {
      return { status: 'open', changes: [...changes.values()], after, tried: trial.tried };
    }
    const cause = trial.mismatches.map(({ origin }) => origin).find((origin) => isMovable(origin, facts.rules, moved));
    if (cause === undefined) return { status: 'unknown', reason: describe(trial.mismatches[0], facts) };
    moved.add(cause);
  }
}

/** Not a line of a file that is included more than once, nor to the end of such a file: it would arrive twice. */
function isMovable(
  origin: number | undefined,
  rules: readonly HbaRule[],
  moved: ReadonlySet<number>,
): origin is number {
  if (origin === undefined || moved.has(origin)) return false;
  const [rule, last] = [rules[origin], rules.at(-1)];
  if (rule?.type !== 'hostnossl' || last === undefined || !isWritable(rule)) return false;
  return [rule, last].every((each) => rules.filter((other) => isSamePlace(other, each)).length === 1);
}

function describe(mismatch: Mismatch | undefined, { rules }: HbaFacts): string {
  const rule = mismatch?.origin === undefined ? undefined : rules[mismatch.origin];
  const place = rule === undefined ? '' : ` (line ${rule.lineNumber} and those that it shares connections with)`;
  return `no change of single lines keeps every connection as it is${place}: rewrite these lines by hand`;
}

/** The lines that let plaintext in over the network, by the place of the rule. */
export function changesOf(
  rules: readonly HbaRule[],
  gss: boolean,
  moved: ReadonlySet<number>,
): ReadonlyMap<number, LineChange> {
  const changes = new Map<number, LineChange>();
  for (const [index, rule] of rules.entries()) {
    if (!letsPlaintextIn(rule)) continue;
    const loopback = loopbackOf(rule);
    // What matches connections that GSSAPI encrypts, has to go on doing so.
    const change = { rule, loopback, gss: gss && rule.type !== 'hostnogssenc' };
    changes.set(
      index,
      moved.has(index)
        ? { ...change, becomes: 'off', moved: placeFor(index, rules) }
        : { ...change, becomes: 'hostssl' },
    );
  }
  return changes;
}

function letsPlaintextIn(rule: HbaRule): boolean {
  if (rule.method === 'reject' || !canMatch(rule.type, 'plaintext')) return false;
  return intersectsOrigin(addressesOf(rule).blocks, NETWORK);
}

/** Above the next line that may refuse the same over TLS, else behind all. */
function placeFor(index: number, rules: readonly HbaRule[]): LineChange['moved'] {
  const { blocks } = addressesOf(rules[index] as HbaRule);
  const refusing = rules
    .slice(index + 1)
    .find(
      (rule) =>
        rule.method === 'reject' &&
        canMatch(rule.type, 'tls') &&
        intersections(addressesOf(rule).blocks, blocks).length > 0,
    );
  return refusing === undefined ? { to: 'end', of: rules.at(-1) as HbaRule } : { to: 'above', of: refusing };
}

/** The loopback addresses that a rule matches. A host's name is taken for that of another machine. */
function loopbackOf({ address = '', netmask, ...rule }: HbaRule): readonly AddressBlock[] {
  if (netmask !== undefined) return intersections(addressesOf({ ...rule, address, netmask }).blocks, LOOPBACK);
  if (rule.quotes?.address === true) return [];
  if (address === 'samehost') return OWN_LOOPBACK;
  return address === 'all' || address === 'samenet' ? LOOPBACK : [];
}

/** The rules as they are after the changes. */
function rulesAfter(rules: readonly HbaRule[], changes: ReadonlyMap<number, LineChange>): readonly DerivedRule[] {
  const moved = [...changes].filter(([, change]) => change.moved !== undefined);
  const after = rules.flatMap((rule, origin): readonly DerivedRule[] => {
    const arriving = moved
      .filter(([, change]) => change.moved?.to === 'above' && isSamePlace(change.moved.of, rule))
      .map(([from]) => from);
    return [
      ...arriving.map((from) => ({ rule: retyped(rules[from] as HbaRule, 'hostssl'), origin: from })),
      ...derived(rule, changes.get(origin)).map((each) => ({
        rule: each,
        origin,
        ifKeyword: rule.netmask === undefined && each.netmask !== undefined && rule.quotes?.address === undefined,
      })),
    ];
  });
  const last = moved
    .filter(([, change]) => change.moved?.to === 'end')
    .map(([from]) => ({ rule: retyped(rules[from] as HbaRule, 'hostssl'), origin: from }));
  return [...after, ...last];
}

function derived(rule: HbaRule, change: LineChange | undefined): readonly HbaRule[] {
  if (change === undefined) return [rule];
  return [
    ...change.loopback.map((block) => withAddress(rule, block)),
    ...(change.gss ? [retyped(rule, 'hostgssenc')] : []),
    ...(change.becomes === 'off' ? [] : [change.becomes === 'same' ? rule : retyped(rule, change.becomes)]),
  ];
}

export function retyped(rule: HbaRule, type: HbaRule['type']): HbaRule {
  return { ...rule, type };
}

export function withAddress(rule: HbaRule, block: AddressBlock): HbaRule {
  const { quotes } = rule;
  return {
    ...rule,
    ...fieldsOfBlock(block),
    quotes: quotes === undefined ? undefined : { ...quotes, address: undefined },
  };
}

/** Whether GSSAPI encryption may be in use. */
export function usesGss({ major, rules }: HbaFacts, gssSeen: boolean): boolean {
  return major >= GSS_SINCE && (gssSeen || rules.some(speaksOfGss));
}

function speaksOfGss({ type, method, warning }: HbaRule): boolean {
  return (method === 'gss' || type === 'hostgssenc') && warning === undefined;
}

function isSamePlace(one: HbaPlace, other: HbaPlace): boolean {
  return one.lineNumber === other.lineNumber && one.fileName === other.fileName;
}
