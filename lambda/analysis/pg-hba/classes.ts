// Groups all possible connections into the few classes that a pg_hba.conf can distinguish.

import type { HbaRole, HbaRule } from '../../model/hba.ts';
import { type Budget, consume } from './address-block.ts';
import {
  both,
  type Destination,
  databasesOf,
  dependsOnMembership,
  type HbaToken,
  type Match,
  MEMBERSHIPS,
  type Membership,
  matchDatabases,
  matchUsers,
  membershipOf,
  type NamesInUse,
  usersOf,
} from './names.ts';

/** A destination and a role that represent every pair which the rules treat in the same way. */
export interface Pair {
  readonly destination: Destination;
  readonly role: string;
  /** Whether a rule's names match, by the rule's index. */
  readonly matches: (rule: number) => Match;
}

export interface Classes {
  /** By the rule's index: whether its names match every connection. */
  readonly matchesAll: readonly boolean[];
  /** Pairs for all connections whose names a rule matches, or may match. */
  readonly pairsOf: (rule: number) => Generator<Pair>;
}

/** Members that every rule treats in the same way. */
interface EquivalenceClass<Member> {
  readonly members: readonly [Member, ...Member[]];
  /** By the rule's index; destinations have as many for each membership, one membership after the other. */
  readonly matches: readonly Match[];
}

/** @throws TooIntricate */
export function classesOf(
  rules: readonly HbaRule[],
  destinations: readonly Destination[],
  roles: readonly HbaRole[],
  names: NamesInUse,
  budget: Budget,
): Classes {
  const userLists = new TokenLists(rules.map(usersOf));
  const databaseLists = new TokenLists(rules.map(databasesOf));
  consume(budget, userLists.budget * roles.length + databaseLists.budget * destinations.length);
  const memberships = rules.some(({ databases }) => dependsOnMembership(databases)) ? MEMBERSHIPS : (['none'] as const);
  const byRole = group(roles, (role) => userLists.matches(role.name, (tokens) => matchUsers(tokens, role, names)));
  const byDestination = group(destinations, (destination) =>
    memberships.flatMap((membership) =>
      databaseLists.matches(databaseOf(destination), (tokens) =>
        matchDatabases(tokens, destination, membership, names),
      ),
    ),
  );
  const members = new Members(byDestination, byRole, names, budget, memberships.length > 1);
  const destinationMatch = ({ matches }: EquivalenceClass<Destination>, membership: number, rule: number): Match =>
    matches[membership * rules.length + rule] ?? 'no';
  const roleMatch = ({ matches }: EquivalenceClass<HbaRole>, rule: number): Match => matches[rule] ?? 'no';

  return {
    matchesAll: rules.map(
      (_, rule) =>
        byRole.every((who) => roleMatch(who, rule) === 'yes') &&
        byDestination.every((there) => memberships.every((_, index) => destinationMatch(there, index, rule) === 'yes')),
    ),
    *pairsOf(rule) {
      const anyRole = byRole.filter((who) => roleMatch(who, rule) !== 'no');
      for (const there of byDestination) {
        for (const [index, membership] of memberships.entries()) {
          if (destinationMatch(there, index, rule) === 'no') continue;
          for (const who of anyRole) {
            consume(budget, 1);
            const pair = members.example(there, who, membership);
            if (pair === undefined) continue;
            yield {
              ...pair,
              matches: (other) => both(destinationMatch(there, index, other), roleMatch(who, other)),
            };
          }
        }
      }
    },
  };
}

/** Names that mean themselves and nothing else, whatever the version, and quoted or not. */
const PLAIN_NAME = /^(?!(?:all|sameuser|samerole|samegroup|replication)$)[A-Za-z0-9_][\w$-]*$/;

/**
 * The databases, or the users, of all rules. A list of thousands of names is looked up in, not gone through for each
 * role.
 */
class TokenLists {
  /** By a plain name: the rules that have it. */
  readonly #named = new Map<string, Set<number>>();
  /** By the rule: keywords, groups, regular expressions and whatever else is not plain. */
  readonly #others: readonly (readonly HbaToken[])[];

  constructor(lists: readonly (readonly HbaToken[])[]) {
    this.#others = lists.map((tokens) => tokens.filter(({ text }) => !PLAIN_NAME.test(text)));
    for (const [rule, tokens] of lists.entries()) {
      for (const { text } of tokens) {
        if (!PLAIN_NAME.test(text)) continue;
        const rules = this.#named.get(text);
        if (rules === undefined) this.#named.set(text, new Set([rule]));
        else rules.add(rule);
      }
    }
  }

  /** How many tokens are compared with each name. */
  get budget(): number {
    return this.#others.reduce((sum, tokens) => sum + 1 + tokens.length, 0);
  }

  /** Whether each of the rules matches, by those of its tokens that may be about the name. */
  matches(name: string | undefined, match: (tokens: readonly HbaToken[]) => Match): readonly Match[] {
    const listed = this.#named.get(name ?? '');
    return this.#others.map((others, rule) => {
      if (name !== undefined && listed?.has(rule)) return match([...others, { text: name, quoted: undefined }]);
      return others.length === 0 ? 'no' : match(others);
    });
  }
}

type Names = Pick<Pair, 'destination' | 'role'>;

/** Finds a destination and a role of two classes that are related as asked. */
class Members {
  readonly #related = new Map<
    EquivalenceClass<Destination>,
    Map<EquivalenceClass<HbaRole>, Partial<Record<Membership, Names>>>
  >();
  readonly #names: NamesInUse;
  readonly #budget: Budget;
  readonly #membershipMatters: boolean;

  constructor(
    byDestination: readonly EquivalenceClass<Destination>[],
    byRole: readonly EquivalenceClass<HbaRole>[],
    names: NamesInUse,
    budget: Budget,
    membershipMatters: boolean,
  ) {
    this.#names = names;
    this.#budget = budget;
    this.#membershipMatters = membershipMatters;
    if (!membershipMatters) return;
    for (const there of byDestination) {
      // Most databases are named like no role, and have no relatives.
      const databases = there.members.filter((member) => names.roles.has(databaseOf(member) ?? ''));
      if (databases.length > 0)
        this.#related.set(there, new Map(byRole.map((who) => [who, this.#kin(databases, who)])));
    }
  }

  example(
    there: EquivalenceClass<Destination>,
    who: EquivalenceClass<HbaRole>,
    membership: Membership,
  ): Names | undefined {
    if (!this.#membershipMatters) return { destination: there.members[0], role: who.members[0].name };
    if (membership !== 'none') return this.#related.get(there)?.get(who)?.[membership];
    for (const destination of there.members) {
      for (const role of who.members) {
        consume(this.#budget, 1);
        if (membershipIn(destination, role, this.#names) === 'none') return { destination, role: role.name };
      }
    }
    return undefined;
  }

  #kin(databases: readonly Destination[], { members }: EquivalenceClass<HbaRole>): Partial<Record<Membership, Names>> {
    const found: Partial<Record<Membership, Names>> = {};
    for (const destination of databases) {
      consume(this.#budget, members.length);
      for (const role of members)
        found[membershipIn(destination, role, this.#names)] ??= { destination, role: role.name };
    }
    return found;
  }
}

function membershipIn(destination: Destination, role: HbaRole, names: NamesInUse): Membership {
  const database = databaseOf(destination);
  return database === undefined ? 'none' : membershipOf(role, database, names);
}

function databaseOf(destination: Destination): string | undefined {
  return destination === 'physical-replication' ? undefined : destination.database;
}

function group<Member>(
  members: readonly Member[],
  matchesOf: (member: Member) => readonly Match[],
): readonly EquivalenceClass<Member>[] {
  const groups = new Map<string, { readonly members: [Member, ...Member[]]; readonly matches: readonly Match[] }>();
  for (const member of members) {
    const matches = matchesOf(member);
    const key = matches.join();
    const equivalent = groups.get(key);
    if (equivalent === undefined) groups.set(key, { members: [member], matches });
    else equivalent.members.push(member);
  }
  return [...groups.values()];
}
