// Whether the database and the role of a connection match those of a rule of pg_hba.conf, as hba.c decides it.

import type { HbaFacts, HbaRole } from '../../model/hba.ts';

/** `maybe` where the view has lost what would tell. */
export type Match = 'yes' | 'maybe' | 'no';

/** The first version that takes `/x` as a regular expression. */
const PATTERNS_SINCE = 16;

/** What the names in rules are held against. */
export interface NamesInUse {
  readonly facts: HbaFacts;
  readonly roles: ReadonlySet<string>;
  readonly databases: ReadonlySet<string>;
}

export function namesInUse(facts: HbaFacts): NamesInUse {
  return {
    facts,
    roles: new Set(facts.roles.map(({ name }) => name)),
    databases: new Set(facts.databases.map(({ name }) => name)),
  };
}

/** What a connection is to: a database, or the physical replication of all. */
export type Destination = { readonly database: string } | 'physical-replication';

/** How the role of a connection is related to the role that has its database's name, if there is one. */
export const KINSHIPS = ['none', 'member', 'same-name'] as const;
export type Kinship = (typeof KINSHIPS)[number];

/** How a role is related to the role that is named like a database. */
export function kinshipOf(role: HbaRole, database: string): Kinship {
  if (role.name === database) return 'same-name';
  return role.memberOf.has(database) ? 'member' : 'none';
}

/** Whether a rule's users include the role. Superusers are members of what they are made members of, and no more. */
export function matchRole(tokens: readonly string[], role: HbaRole, names: NamesInUse): Match {
  return either(tokens, (token) => {
    const asName = role.name === token;
    if (token === 'all') return read({ asKeyword: true, asName, nameExists: names.roles.has(token) });
    if (token.startsWith('+')) {
      const group = token.slice(1);
      // To is_member_of_role_nosuper in acl.c every role is a member of itself.
      const asKeyword = role.name === group || role.memberOf.has(group);
      return read({ asKeyword, asName, nameExists: names.roles.has(token) });
    }
    return matchPattern(token, names, (pattern) => pattern.roles.has(role.name)) ?? certainly(asName);
  });
}

/** Whether a rule's databases include the destination, for a role so related to it. */
export function matchDestination(
  tokens: readonly string[],
  destination: Destination,
  kinship: Kinship,
  names: NamesInUse,
): Match {
  return either(tokens, (token) => {
    const nameExists = names.databases.has(token);
    if (destination === 'physical-replication') {
      // Neither `all` nor a regular expression nor a name stands for it.
      return token === 'replication' ? read({ asKeyword: true, asName: false, nameExists }) : 'no';
    }
    const asName = destination.database === token;
    const keyword = KEYWORDS.get(token);
    if (keyword !== undefined) return read({ asKeyword: keyword(kinship), asName, nameExists });
    const { database } = destination;
    return matchPattern(token, names, (pattern) => pattern.databases.has(database)) ?? certainly(asName);
  });
}

const isMember = (kinship: Kinship): boolean => kinship !== 'none';

/** What each keyword says of a connection to a database. */
const KEYWORDS: ReadonlyMap<string, (kinship: Kinship) => boolean> = new Map([
  ['all', () => true],
  ['sameuser', (kinship) => kinship === 'same-name'],
  ['samerole', isMember],
  ['samegroup', isMember],
  ['replication', () => false],
]);

/** Whether rules that name these databases judge roles by how they are related to a database. */
export function dependsOnKinship(tokens: readonly string[]): boolean {
  return tokens.some((token) => token === 'sameuser' || token === 'samerole' || token === 'samegroup');
}

/**
 * A token that is a keyword without quotes and a name within them, of which the view shows neither. Where nothing has
 * that name it is the keyword: nobody quotes one to match nothing.
 */
function read({
  asKeyword,
  asName,
  nameExists,
}: {
  readonly asKeyword: boolean;
  readonly asName: boolean;
  readonly nameExists: boolean;
}): Match {
  return asKeyword === asName || !nameExists ? certainly(asKeyword) : 'maybe';
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

function either(tokens: readonly string[], match: (token: string) => Match): Match {
  let best: Match = 'no';
  for (const token of tokens) {
    const found = match(token);
    if (found === 'yes') return 'yes';
    if (found === 'maybe') best = 'maybe';
  }
  return best;
}

/** Both of two. */
export function both(a: Match, b: Match): Match {
  if (a === 'no' || b === 'no') return 'no';
  return a === 'yes' && b === 'yes' ? 'yes' : 'maybe';
}

function certainly(matches: boolean): Match {
  return matches ? 'yes' : 'no';
}
