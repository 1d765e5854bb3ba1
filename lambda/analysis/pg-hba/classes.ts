// All connections there can be, in as few as tell them apart: to one file, thousands of roles and databases are a handful.

import type { HbaRole, HbaRule } from '../../model/hba.ts';
import { type Effort, spend } from './address-block.ts';
import {
  both,
  type Destination,
  databasesOf,
  dependsOnKinship,
  type HbaToken,
  KINSHIPS,
  type Kinship,
  kinshipOf,
  type Match,
  matchDatabases,
  matchUsers,
  type NamesInUse,
  usersOf,
} from './names.ts';

/** A destination and a role that stand for all whom the rules treat like them. */
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

/** Members that no rule tells apart. */
interface Alike<Member> {
  readonly members: readonly [Member, ...Member[]];
  /** By the rule's index; destinations have as many for each kinship, one kinship after the other. */
  readonly matches: readonly Match[];
}

/** @throws TooIntricate */
export function classesOf(
  rules: readonly HbaRule[],
  destinations: readonly Destination[],
  roles: readonly HbaRole[],
  names: NamesInUse,
  effort: Effort,
): Classes {
  const userLists = new TokenLists(rules.map(usersOf));
  const databaseLists = new TokenLists(rules.map(databasesOf));
  spend(effort, userLists.effort * roles.length + databaseLists.effort * destinations.length);
  const kinships = rules.some(({ databases }) => dependsOnKinship(databases)) ? KINSHIPS : (['none'] as const);
  const byRole = group(roles, (role) => userLists.matches(role.name, (tokens) => matchUsers(tokens, role, names)));
  const byDestination = group(destinations, (destination) =>
    kinships.flatMap((kinship) =>
      databaseLists.matches(databaseOf(destination), (tokens) => matchDatabases(tokens, destination, kinship, names)),
    ),
  );
  const members = new Members(byDestination, byRole, names, effort, kinships.length > 1);
  const destinationMatch = ({ matches }: Alike<Destination>, kinship: number, rule: number): Match =>
    matches[kinship * rules.length + rule] ?? 'no';
  const roleMatch = ({ matches }: Alike<HbaRole>, rule: number): Match => matches[rule] ?? 'no';

  return {
    matchesAll: rules.map(
      (_, rule) =>
        byRole.every((who) => roleMatch(who, rule) === 'yes') &&
        byDestination.every((there) => kinships.every((_, index) => destinationMatch(there, index, rule) === 'yes')),
    ),
    *pairsOf(rule) {
      const whoever = byRole.filter((who) => roleMatch(who, rule) !== 'no');
      for (const there of byDestination) {
        for (const [index, kinship] of kinships.entries()) {
          if (destinationMatch(there, index, rule) === 'no') continue;
          for (const who of whoever) {
            spend(effort, 1);
            const pair = members.example(there, who, kinship);
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

/** The databases, or the users, of all rules. A list of thousands of names is looked up in, not gone through for each role. */
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
  get effort(): number {
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
  readonly #related = new Map<Alike<Destination>, Map<Alike<HbaRole>, Partial<Record<Kinship, Names>>>>();
  readonly #effort: Effort;
  readonly #kinshipMatters: boolean;

  constructor(
    byDestination: readonly Alike<Destination>[],
    byRole: readonly Alike<HbaRole>[],
    names: NamesInUse,
    effort: Effort,
    kinshipMatters: boolean,
  ) {
    this.#effort = effort;
    this.#kinshipMatters = kinshipMatters;
    if (!kinshipMatters) return;
    for (const there of byDestination) {
      // Most databases are named like no role, and have no relatives.
      const databases = there.members.filter((member) => names.roles.has(databaseOf(member) ?? ''));
      if (databases.length > 0)
        this.#related.set(there, new Map(byRole.map((who) => [who, this.#kin(databases, who)])));
    }
  }

  example(there: Alike<Destination>, who: Alike<HbaRole>, kinship: Kinship): Names | undefined {
    if (!this.#kinshipMatters) return { destination: there.members[0], role: who.members[0].name };
    if (kinship !== 'none') return this.#related.get(there)?.get(who)?.[kinship];
    for (const destination of there.members) {
      for (const role of who.members) {
        spend(this.#effort, 1);
        if (kinshipTo(destination, role) === 'none') return { destination, role: role.name };
      }
    }
    return undefined;
  }

  #kin(databases: readonly Destination[], { members }: Alike<HbaRole>): Partial<Record<Kinship, Names>> {
    const found: Partial<Record<Kinship, Names>> = {};
    for (const destination of databases) {
      spend(this.#effort, members.length);
      for (const role of members) found[kinshipTo(destination, role)] ??= { destination, role: role.name };
    }
    return found;
  }
}

function kinshipTo(destination: Destination, role: HbaRole): Kinship {
  const database = databaseOf(destination);
  return database === undefined ? 'none' : kinshipOf(role, database);
}

function databaseOf(destination: Destination): string | undefined {
  return destination === 'physical-replication' ? undefined : destination.database;
}

function group<Member>(
  members: readonly Member[],
  matchesOf: (member: Member) => readonly Match[],
): readonly Alike<Member>[] {
  const groups = new Map<string, { readonly members: [Member, ...Member[]]; readonly matches: readonly Match[] }>();
  for (const member of members) {
    const matches = matchesOf(member);
    const key = matches.join();
    const alike = groups.get(key);
    if (alike === undefined) groups.set(key, { members: [member], matches });
    else alike.members.push(member);
  }
  return [...groups.values()];
}
