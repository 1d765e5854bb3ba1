// Infers quotes that pg_hba_file_rules does not show from logins that were accepted or refused.

import type { HbaFacts, HbaQuotes, HbaRole, HbaRule } from '../../model/hba.ts';
import { candidatesFor, type KnownConnection } from './decision.ts';
import { isKeyword, type Match, matchDatabase, matchUser, membershipOf, namesInUse } from './names.ts';

/** A login whose end is known. */
export interface SeenLogin extends KnownConnection {
  readonly accepted: boolean;
}

/**
 * The facts with the quotes that those logins prove: where only one rule can have decided, it matched, and a field in
 * which only one word can have matched says how that word is read.
 */
export function withSeenLogins(facts: HbaFacts, logins: readonly SeenLogin[]): HbaFacts {
  return logins.reduce(withSeenLogin, facts);
}

function withSeenLogin(facts: HbaFacts, login: SeenLogin): HbaFacts {
  const met = candidatesFor(facts, login);
  if ('reason' in met) return facts;
  const { candidates, role } = met;
  const [decider, ...others] = candidates.filter(({ rule }) => (rule.method !== 'reject') === login.accepted);
  // Without a rule that certainly matches, a refusal may be that of no rule at all.
  const last = candidates.at(-1);
  const byARule = login.accepted || (last !== undefined && last.doubt === undefined);
  if (decider === undefined || others.length > 0 || !byARule) return facts;
  const quotes = quotesWhereMatched(decider.rule, role, login, facts);
  return { ...facts, rules: facts.rules.map((rule) => (rule === decider.rule ? { ...rule, quotes } : rule)) };
}

function quotesWhereMatched(rule: HbaRule, role: HbaRole, { database }: KnownConnection, facts: HbaFacts): HbaQuotes {
  const { databases, users, address, quotes } = rule;
  const names = namesInUse(facts);
  const membership = membershipOf(role, database, names);
  return {
    databases: provenIn(databases, quotes?.databases, 'databases', (token, quoted) =>
      matchDatabase(token, quoted, { database }, membership, names),
    ),
    users: provenIn(users, quotes?.users, 'users', (token, quoted) => matchUser(token, quoted, role, names)),
    // As the name of a host, it would have to be the client's by the server's DNS.
    address: quotes?.address ?? (address === 'all' ? false : undefined),
  };
}

/** The quotes of a field, one of whose tokens matched. */
function provenIn(
  tokens: readonly string[],
  known: readonly (boolean | null)[] | undefined,
  field: 'databases' | 'users',
  match: (token: string, quoted: boolean | undefined) => Match,
): readonly (boolean | null)[] {
  const possible = tokens.filter((token, index) => match(token, known?.[index] ?? undefined) !== 'no');
  return tokens.map((token, index) => {
    const quoted = known?.[index] ?? null;
    if (quoted !== null || possible.length !== 1 || possible[0] !== token || !isKeyword(field, token)) return quoted;
    const asKeyword = match(token, false);
    // Where both readings match, the login proves neither.
    return asKeyword === match(token, true) ? null : asKeyword === 'no';
  });
}
