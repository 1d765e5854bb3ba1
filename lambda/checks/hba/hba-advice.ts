// What to make of a rule of pg_hba.conf that lets too much in: the same whichever check asks.

import { displayText } from '../../model/display.ts';
import type { HbaFacts, HbaRule } from '../../model/hba.ts';
import { describePlace, hbaLine } from './hba-line.ts';

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
        "have each role whose password is stored as MD5 set it anew, with password_encryption = 'scram-sha-256': with MD5 it is kept out.",
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
 * What has to be done before, then the change of each of the rules, each a step of its own.
 *
 * @param rules in the order in which connections meet them: each is met when the one before is changed
 * @param tlsOn the setting `ssl`: without it, `hostssl` rules let nobody in
 * @param beforeScram in place of the short text about passwords
 */
export function advise(
  rules: readonly HbaRule[],
  facts: HbaFacts,
  { tlsOn, beforeScram }: { readonly tlsOn: boolean; readonly beforeScram?: string | undefined },
): readonly string[] {
  const ends = rules.map((rule) => ({ rule, end: endState(rule, facts.major) }));
  const before = new Set([
    ...(tlsOn || !ends.some(({ end }) => end.type !== 'hostgssenc')
      ? []
      : ['set ssl = on, with a certificate: until then nobody can connect over TLS.']),
    ...ends
      .filter(({ rule, end }) => end.method !== rule.method && end.method !== 'reject')
      .map(({ rule }) => beforeScram ?? BEFORE_SCRAM.get(rule.method) ?? ''),
  ]);
  return [
    ...[...before].map((text, index) => `${index === 0 ? 'First' : 'Then'} ${text}`),
    ...ends.map(
      ({ rule, end }, index) =>
        `${index === 0 ? '' : 'Then unencrypted connections meet the next. '}${change(rule, end, facts)}`,
    ),
  ];
}

function change(rule: HbaRule, end: HbaRule, facts: HbaFacts): string {
  const place = displayText(describePlace(rule), 300);
  const line = hbaLine(end);
  if (!isExact(line, end, facts)) return `At ${place}, ${edits(rule, end)}.${afterwards(end)}`;
  const continued = facts.major >= CONTINUED_SINCE ? ' (and the lines it goes on over, where it ends in \\)' : '';
  const replace =
    end.method === 'reject'
      ? `Remove ${place}${continued}, or write in its place:`
      : `Replace ${place}${continued} by:`;
  return `${replace}\n${line}${afterwards(end)}`;
}

/** The same change, in words that leave alone what is not known here exactly. */
function edits(rule: HbaRule, end: HbaRule): string {
  const type = `the first word from ${rule.type} to ${end.type}`;
  const method = `the method (the word after the address) from ${displayText(rule.method)} to ${end.method}`;
  const changes = [...(end.type === rule.type ? [] : [type]), ...(end.method === rule.method ? [] : [method])];
  return `${end.method === 'reject' ? 'remove the line, or change' : 'change'} ${changes.join(' and ')}, ${restOf(rule, end)}`;
}

function restOf(rule: HbaRule, end: HbaRule): string {
  if (rule.options.join() === end.options.join()) return 'and leave the rest as it is';
  const [option] = end.options;
  const after = option === undefined ? 'take away what follows it' : `write ${option} in place of what follows it`;
  return `${after}, and leave the rest as it is`;
}

function afterwards({ method }: HbaRule): string {
  return method === 'reject'
    ? '\nIt is for connections without TLS only: its clients need a line that lets them in over TLS.'
    : '';
}

/** Longer lists may be what the view shows of a file (`@names`). */
const MAX_NAMES = 3;

const DATABASE_KEYWORDS: readonly string[] = ['all', 'sameuser', 'samerole', 'samegroup', 'replication'];

/** Whether the line says what the file does: not where the view has lost something, or it cannot be shown as it is. */
function isExact(line: string, { databases, users, options }: HbaRule, facts: HbaFacts): boolean {
  const quotable =
    databases.some(
      (token) => DATABASE_KEYWORDS.includes(token) && facts.databases.some(({ name }) => name === token),
    ) || users.some((token) => /^(all$|\+)/.test(token) && facts.roles.some(({ name }) => name === token));
  return (
    displayText(line, 300) === line &&
    !quotable &&
    databases.length <= MAX_NAMES &&
    users.length <= MAX_NAMES &&
    options.every((option) => option.includes('='))
  );
}
