// Whether the database and the role of a connection match those of a rule of pg_hba.conf, as hba.c decides it.

import type { HbaFacts, HbaRole, HbaRule } from '../../model/hba.ts';

/** `maybe` where it depends on what is not known: whether a word is quoted, or what a regular expression matches. */
export type Match = 'yes' | 'maybe' | 'no';

/** The first version that takes `/x` as a regular expression. */
const PATTERNS_SINCE = 16;

/** What the names in rules are held against. */
export interface NamesInUse {
  readonly facts: HbaFacts;
  readonly roles: ReadonlySet<string>;
}

export function namesInUse(facts: HbaFacts): NamesInUse {
  return { facts, roles: new Set(facts.roles.map(({ name }) => name)) };
}

/** What a connection is to: a database, or the physical replication of all. */
export type Destination = { readonly database: string } | 'physical-replication';

/** How the role of a connection is related to the role that has its database's name, if there is one. */
export const MEMBERSHIPS = ['none', 'member', 'same-name'] as const;
export type Membership = (typeof MEMBERSHIPS)[number];

/** How a role is related to the role that is named like a database. */
export function membershipOf(role: HbaRole, database: string): Membership {
  if (role.name === database) return 'same-name';
  return role.memberOf.has(database) ? 'member' : 'none';
}

/** One of a rule's databases or users. */
export interface HbaToken {
  readonly text: string;
  /** Undefined where that is not known. */
  readonly quoted: boolean | undefined;
}

export function usersOf({ users, quotes }: HbaRule): readonly HbaToken[] {
  return users.map((text, index) => ({ text, quoted: quotes?.users?.[index] }));
}

export function databasesOf({ databases, quotes }: HbaRule): readonly HbaToken[] {
  return databases.map((text, index) => ({ text, quoted: quotes?.databases?.[index] }));
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
    return read({ asKeyword: role.name === group || role.memberOf.has(group), asName, quoted });
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
export function isInDoubt({ databases, users, address, netmask, quotes }: HbaRule): boolean {
  return (
    databases.some((token, index) => isKeyword('databases', token) && quotes?.databases?.[index] === undefined) ||
    users.some((token, index) => isKeyword('users', token) && quotes?.users?.[index] === undefined) ||
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

/** Whether rules that name these databases judge roles by how they are related to a database. */
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
  { facts: { major, patterns } }: NamesInUse,
  matches: (pattern: NonNullable<ReturnType<typeof patterns.get>>) => boolean,
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
