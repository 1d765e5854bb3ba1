// Matches a connection's database and role with those of a rule, as PostgreSQL's hba.c does.

import type { HbaFacts, HbaPattern, HbaRole, HbaRule } from '../../model/hba.ts';
import { Memberships } from '../../model/memberships.ts';

/** `maybe` where it depends on what is not known: whether a word is quoted, or what a regular expression matches. */
export type Match = 'yes' | 'maybe' | 'no';

/** The first version that takes `/x` as a regular expression. */
const PATTERNS_SINCE = 16;

/** What the names in rules are compared with. */
export interface NamesInUse {
  readonly major: number;
  readonly roles: RoleIndex;
  /** By the token, with its slash. */
  readonly patterns: ReadonlyMap<string, PatternMatches>;
}

interface PatternMatches {
  readonly roles: ReadonlySet<string>;
  readonly databases: ReadonlySet<string>;
}

export function namesInUse({ major, roles, patterns }: HbaFacts): NamesInUse {
  return { major, roles: roleIndexOf(roles), patterns: patternIndexOf(patterns) };
}

/** The roles of a server by name, with their memberships. */
class RoleIndex {
  /** More than one place where two roles are shown by one name. */
  readonly #placesByName: ReadonlyMap<string, readonly number[]>;
  readonly #places: ReadonlyMap<HbaRole, number>;
  readonly #memberships: Memberships<number>;

  constructor(roles: readonly HbaRole[]) {
    this.#placesByName = Map.groupBy(roles.keys(), (place) => roles[place]?.name ?? '');
    this.#places = new Map(roles.map((role, place) => [role, place]));
    this.#memberships = new Memberships(
      roles.flatMap(({ memberOf }, member) => memberOf.map((group) => ({ member, group }))),
    );
  }

  has(name: string): boolean {
    return this.#placesByName.has(name);
  }

  /** Whether the role is a member of one with that name, directly or through others. */
  isMember(role: HbaRole, group: string): boolean {
    const member = this.#places.get(role);
    if (member === undefined) return false;
    return (this.#placesByName.get(group) ?? []).some((place) => this.#memberships.isMember(member, place));
  }
}

/** Built once for each list: the same roles are asked about for every rule and every connection. */
const ROLE_INDEXES = new WeakMap<readonly HbaRole[], RoleIndex>();

function roleIndexOf(roles: readonly HbaRole[]): RoleIndex {
  const index = ROLE_INDEXES.get(roles) ?? new RoleIndex(roles);
  ROLE_INDEXES.set(roles, index);
  return index;
}

const PATTERN_INDEXES = new WeakMap<readonly HbaPattern[], NamesInUse['patterns']>();

function patternIndexOf(patterns: readonly HbaPattern[]): NamesInUse['patterns'] {
  const index =
    PATTERN_INDEXES.get(patterns) ??
    new Map(
      patterns.map(({ token, roles, databases }) => [token, { roles: new Set(roles), databases: new Set(databases) }]),
    );
  PATTERN_INDEXES.set(patterns, index);
  return index;
}

/** What a connection is to: a database, or the physical replication of all. */
export type Destination = { readonly database: string } | 'physical-replication';

/** How the role of a connection is related to the role that has its database's name, if there is one. */
export const MEMBERSHIPS = ['none', 'member', 'same-name'] as const;
export type Membership = (typeof MEMBERSHIPS)[number];

/** How a role is related to the role that is named like a database. */
export function membershipOf(role: HbaRole, database: string, { roles }: NamesInUse): Membership {
  if (role.name === database) return 'same-name';
  return roles.isMember(role, database) ? 'member' : 'none';
}

/** One of a rule's databases or users. */
export interface HbaToken {
  readonly text: string;
  /** Undefined where that is not known. */
  readonly quoted: boolean | undefined;
}

export function usersOf({ users, quotes }: HbaRule): readonly HbaToken[] {
  return users.map((text, index) => ({ text, quoted: quotes?.users?.[index] ?? undefined }));
}

export function databasesOf({ databases, quotes }: HbaRule): readonly HbaToken[] {
  return databases.map((text, index) => ({ text, quoted: quotes?.databases?.[index] ?? undefined }));
}

/** Whether a rule's users include the role. Superusers are members of what they are made members of, and no more. */
export function matchUsers(users: readonly HbaToken[], role: HbaRole, names: NamesInUse): Match {
  return either(users.map(({ text, quoted }) => matchUser(text, quoted, role, names)));
}

/** Whether one token of a rule's users means the role. */
export function matchUser(token: string, quoted: boolean | undefined, role: HbaRole, names: NamesInUse): Match {
  const asName = role.name === token;
  if (token === 'all') return read({ asKeyword: true, asName, quoted });
  if (token.startsWith('+')) {
    const group = token.slice(1);
    // To is_member_of_role_nosuper in acl.c every role is a member of itself.
    return read({ asKeyword: role.name === group || names.roles.isMember(role, group), asName, quoted });
  }
  return matchPattern(token, names, (pattern) => pattern.roles.has(role.name)) ?? certainly(asName);
}

/** Whether a rule's databases include the destination, for a role so related to it. */
export function matchDatabases(
  databases: readonly HbaToken[],
  destination: Destination,
  membership: Membership,
  names: NamesInUse,
): Match {
  return either(databases.map(({ text, quoted }) => matchDatabase(text, quoted, destination, membership, names)));
}

/** Whether one token of a rule's databases means the destination. */
export function matchDatabase(
  token: string,
  quoted: boolean | undefined,
  destination: Destination,
  membership: Membership,
  names: NamesInUse,
): Match {
  if (destination === 'physical-replication') {
    // Neither `all` nor a regular expression nor a name stands for it.
    return token === 'replication' ? read({ asKeyword: true, asName: false, quoted }) : 'no';
  }
  const asName = destination.database === token;
  const keyword = KEYWORDS.get(token);
  if (keyword !== undefined) return read({ asKeyword: keyword(membership), asName, quoted });
  const { database } = destination;
  return matchPattern(token, names, (pattern) => pattern.databases.has(database)) ?? certainly(asName);
}

/** Whether it is not known if a word of the rule is a keyword or, in quotes, a name. */
export function isInDoubt(rule: HbaRule): boolean {
  const { address, netmask, quotes } = rule;
  return (
    databasesOf(rule).some(({ text, quoted }) => isKeyword('databases', text) && quoted === undefined) ||
    usersOf(rule).some(({ text, quoted }) => isKeyword('users', text) && quoted === undefined) ||
    (netmask === undefined && /^(all|samehost|samenet)$/.test(address ?? '') && quotes?.address === undefined)
  );
}

/** Whether a token of a rule's databases or users is a keyword unless it is quoted. */
export function isKeyword(field: 'databases' | 'users', token: string): boolean {
  return field === 'databases' ? KEYWORDS.has(token) : token === 'all' || token.startsWith('+');
}

const isMember = (membership: Membership): boolean => membership !== 'none';

/** What each keyword says of a connection to a database. */
const KEYWORDS: ReadonlyMap<string, (membership: Membership) => boolean> = new Map([
  ['all', () => true],
  ['sameuser', (membership) => membership === 'same-name'],
  ['samerole', isMember],
  ['samegroup', isMember],
  ['replication', () => false],
]);

/** Whether rules that name these databases match roles by their membership in a database's role. */
export function dependsOnMembership(tokens: readonly string[]): boolean {
  return tokens.some((token) => token === 'sameuser' || token === 'samerole' || token === 'samegroup');
}

/** A token that is a keyword without quotes and a name within them. */
function read({
  asKeyword,
  asName,
  quoted,
}: {
  readonly asKeyword: boolean;
  readonly asName: boolean;
  readonly quoted: boolean | undefined;
}): Match {
  if (asKeyword === asName) return certainly(asName);
  return quoted === undefined ? 'maybe' : certainly(quoted ? asName : asKeyword);
}

/** Undefined for a token that is no regular expression. */
function matchPattern(
  token: string,
  { major, patterns }: NamesInUse,
  matches: (pattern: PatternMatches) => boolean,
): Match | undefined {
  if (major < PATTERNS_SINCE || !token.startsWith('/')) return undefined;
  const pattern = patterns.get(token);
  // The file may have changed between the query for its rules and the one for its patterns.
  return pattern === undefined ? 'maybe' : certainly(matches(pattern));
}

function either(matches: readonly Match[]): Match {
  if (matches.includes('yes')) return 'yes';
  return matches.includes('maybe') ? 'maybe' : 'no';
}

/** Both of two. */
export function both(a: Match, b: Match): Match {
  if (a === 'no' || b === 'no') return 'no';
  return a === 'yes' && b === 'yes' ? 'yes' : 'maybe';
}

function certainly(matches: boolean): Match {
  return matches ? 'yes' : 'no';
}
