// Writes the advice for a rule of pg_hba.conf that lets too much in, the same for every check.

import { displayText } from '../../model/display.ts';
import type { HbaFacts, HbaPlace, HbaRule } from '../../model/hba.ts';
import { addressesOf, canMatch, intersectsOrigin, NETWORK, type Origin } from './acceptance.ts';
import { intersections } from './address-block.ts';
import { describePlace, hbaLine } from './line.ts';
import { isInDoubt, isKeyword } from './names.ts';

/** The form `clientcert=verify-full` came with PostgreSQL 12. */
const VERIFY_FULL_SINCE = 12;
/** From here on a rule goes on over the next line where a line ends in a backslash. */
const CONTINUED_SINCE = 14;

/** What a role may need before `scram-sha-256` lets it in, by the method that it replaces. */
const BEFORE_SCRAM: ReadonlyMap<string, string> = new Map([
  ...['trust', 'ident'].map(
    (method) => [method, 'see that each role that needs it has a password: with none it is kept out.'] as const,
  ),
  ...['md5', 'password'].map(
    (method) =>
      [
        method,
        "have each role whose password is stored as MD5 set it again, with password_encryption = 'scram-sha-256': with MD5 it is kept out.",
      ] as const,
  ),
]);

/**
 * The rule as it should be: over TLS it lets in what it did, by SCRAM in place of a weak method; it lets in nothing
 * unencrypted, and nothing over TLS that it did not.
 */
export function endState(rule: HbaRule, major: number): HbaRule {
  // A hostssl line in place of one that never spoke of TLS would let in what later lines refuse.
  if (rule.type === 'hostnossl') return { ...rule, method: 'reject', options: [] };
  const type = rule.type === 'host' || rule.type === 'hostnogssenc' ? 'hostssl' : rule.type;
  return isWeak(rule)
    ? { ...rule, type, method: 'scram-sha-256', options: certificate(rule, major) }
    : { ...rule, type };
}

/** Whether the rule's method proves little or nothing of who connects. */
function isWeak({ method, options }: HbaRule): boolean {
  // The certificate proves who the role is, whatever is asked for besides.
  return BEFORE_SCRAM.has(method) && !options.includes('clientcert=verify-full');
}

/** One that has to be the role's, where one is asked for. */
function certificate({ options }: HbaRule, major: number): readonly string[] {
  if (!options.some((option) => option.startsWith('clientcert='))) return [];
  return [major < VERIFY_FULL_SINCE ? 'clientcert=1' : 'clientcert=verify-full'];
}

/**
 * What has to be done before, then the change of the rule, and of those by which its unencrypted connections would get
 * in next: each a step of its own.
 *
 * @param tlsOn the setting `ssl`: without it, `hostssl` rules match no connection
 * @param beforeScram in place of the short text about passwords
 * @param from where connections must come from to be unwanted without encryption
 */
export function advise(
  rule: HbaRule,
  facts: HbaFacts,
  {
    tlsOn,
    beforeScram,
    from = NETWORK,
  }: { readonly tlsOn: boolean; readonly beforeScram?: string | undefined; readonly from?: Origin },
): readonly string[] {
  const later = laterWays(rule, facts, from);
  const ends = [rule, ...later.slice(0, MAX_LATER)].map((each) => ({ rule: each, end: endState(each, facts.major) }));
  const before = new Set([
    ...(tlsOn || !ends.some(({ end }) => end.type !== 'hostgssenc')
      ? []
      : ['set ssl = on, with a certificate: until then no client can connect over TLS.']),
    ...ends
      .filter(({ rule: { method }, end }) => end.method !== method && end.method !== 'reject')
      .map(
        ({ rule: { method } }) => (method === rule.method ? beforeScram : undefined) ?? BEFORE_SCRAM.get(method) ?? '',
      ),
  ]);
  const further = later.slice(MAX_LATER).map(({ lineNumber }) => lineNumber);
  return [
    ...[...before].map((text, index) => `${index === 0 ? 'First' : 'Then'} ${text}`),
    ...ends.map(
      (each, index) =>
        `${index === 0 ? '' : 'Then unencrypted connections meet the next. '}${change(each.rule, each.end, facts)}`,
    ),
    ...(further.length === 0 ? [] : [`And so for lines ${further.join(', ')}.`]),
  ];
}

/** Later lines that are listed: a longer list is not read. */
const MAX_LATER = 10;

/**
 * Later rules by which connections may get in, unencrypted, once this one and those between are changed: unwanted ones,
 * and others by another method, which may be a weaker one.
 */
function laterWays(rule: HbaRule, facts: HbaFacts, from: Origin): readonly HbaRule[] {
  const changed = letsThrough(rule) ? [rule] : [];
  const later: HbaRule[] = [];
  for (const next of facts.rules.slice(facts.rules.findIndex((one) => isSamePlace(one, rule)) + 1)) {
    if (next.method === 'reject' || !canMatch(next.type, 'plaintext')) continue;
    if (!changed.some((one) => mayLetIn(next, one, facts, from))) continue;
    later.push(next);
    if (letsThrough(next)) changed.push(next);
  }
  return later;
}

/** Whether unencrypted connections get past the rule once it is changed. In place of hostnossl comes a reject. */
function letsThrough({ type }: HbaRule): boolean {
  return type !== 'hostnossl' && canMatch(type, 'plaintext');
}

function mayLetIn(later: HbaRule, changed: HbaRule, facts: HbaFacts, from: Origin): boolean {
  if (!mayShareNames(changed, later, facts)) return false;
  const shared = intersections(addressesOf(changed).blocks, addressesOf(later).blocks);
  return later.method === changed.method ? intersectsOrigin(shared, from) : shared.length > 0;
}

function isSamePlace(one: HbaPlace, other: HbaPlace): boolean {
  return one.lineNumber === other.lineNumber && one.fileName === other.fileName;
}

/** Whether both rules may mean one connection by its names. Not where they are plain names, and none is in both. */
function mayShareNames(one: HbaRule, other: HbaRule, { databases }: HbaFacts): boolean {
  if (!mayShare('users', one.users, other.users)) return false;
  if (one.databases.includes(REPLICATION) && other.databases.includes(REPLICATION)) return true;
  // Else the word is of interest only as the name of a database, should there be one.
  const isNamed = databases.some(({ name }) => name === REPLICATION);
  const names = (rule: HbaRule): readonly string[] =>
    rule.databases.filter((token) => isNamed || token !== REPLICATION);
  return mayShare('databases', names(one), names(other));
}

const REPLICATION = 'replication';

function mayShare(field: 'databases' | 'users', one: readonly string[], other: readonly string[]): boolean {
  if (one.length === 0 || other.length === 0) return false;
  const isName = (token: string): boolean => !isKeyword(field, token) && !token.startsWith('/');
  return !one.every(isName) || !other.every(isName) || one.some((token) => other.includes(token));
}

function change(rule: HbaRule, end: HbaRule, facts: HbaFacts): string {
  const place = displayText(describePlace(rule), 300);
  const line = hbaLine(end);
  if (!isExact(line, end)) return `At ${place}, ${edits(rule, end)}.${afterwards(rule, end, facts)}`;
  const continued = facts.major >= CONTINUED_SINCE ? ' (and the lines it goes on over, where it ends in \\)' : '';
  return `Replace ${place}${continued} by:\n${line}${afterwards(rule, end, facts)}`;
}

/** The same change, in words that leave alone what is not known here exactly. */
function edits(rule: HbaRule, end: HbaRule): string {
  const type = `the first word from ${rule.type} to ${end.type}`;
  const method = `the method (the word after the address) from ${displayText(rule.method)} to ${end.method}`;
  const changes = [...(end.type === rule.type ? [] : [type]), ...(end.method === rule.method ? [] : [method])];
  return `change ${changes.join(' and ')}, ${restOf(rule, end)}`;
}

function restOf(rule: HbaRule, end: HbaRule): string {
  if (rule.options.join() === end.options.join()) return 'and leave the rest as it is';
  const [option] = end.options;
  const after = option === undefined ? 'take away what follows it' : `write ${option} in place of what follows it`;
  return `${after}, and leave the rest as it is`;
}

function afterwards(rule: HbaRule, end: HbaRule, facts: HbaFacts): string {
  if (end.method === 'reject') {
    return '\nIt is for connections without TLS only: its clients need a line that lets them in over TLS.';
  }
  if (rule.type !== 'host' || end.type !== 'hostssl' || !facts.rules.some(speaksOfGss)) return '';
  return '\nBelow it, write the same line once more with hostgssenc as its first word, for connections that GSSAPI encrypts.';
}

function speaksOfGss({ type, method }: HbaRule): boolean {
  return method === 'gss' || type === 'hostgssenc' || type === 'hostnogssenc';
}

/** Longer lists may be what the view shows of a file (`@names`). */
const MAX_NAMES = 3;

/** Whether the line says what the file does: not where the view has lost something, or it cannot be shown as it is. */
function isExact(line: string, end: HbaRule): boolean {
  return (
    displayText(line, 300) === line &&
    !isInDoubt(end) &&
    end.databases.length <= MAX_NAMES &&
    end.users.length <= MAX_NAMES &&
    end.options.every((option) => option.includes('='))
  );
}
