// Decides which lines close plaintext over the network to some roles, while all others go on as they are.

import { canMatch, whyUnknown } from '../../analysis/pg-hba/acceptance.ts';
import { hbaLine } from '../../analysis/pg-hba/line.ts';
import { isInDoubt, matchUsers, type NamesInUse, namesInUse, usersOf } from '../../analysis/pg-hba/names.ts';
import type { HbaFacts, HbaRole, HbaRule } from '../../model/hba.ts';
import { changesOf, type LineChange, usesGss, withAddress } from './change.ts';
import type { DerivedRule } from './derived-rule.ts';
import { tryRules } from './trial.ts';
import { isWritable } from './writable.ts';

export interface StagePlan {
  readonly changes: readonly LineChange[];
  /** Names of the roles to which plaintext is closed. */
  readonly roles: readonly string[];
  /** The rules as they are then, in their order. */
  readonly after: readonly HbaRule[];
  readonly tried: number;
}

/** In one line: before PostgreSQL 14 lines have 8 KB at most. */
const NAMES_PER_LINE = 50;
/** From here on a name with a slash before it is a regular expression, in quotes too. */
const PATTERNS_SINCE = 16;

/**
 * Above each line that lets the roles in without TLS, one for the same databases and addresses that refuses them; where
 * the line means loopback too, copies of it stand above both. Undefined where there is nothing to close, or where it is
 * not certain that all else stays as it is: GSSAPI encryption is in use, or the quotes of such a line are not known.
 *
 * @param done names of roles; those that are superusers, may replicate or can't be written are left out
 */
export function planStage(facts: HbaFacts, done: ReadonlySet<string>, gssSeen = false): StagePlan | undefined {
  // A line for what is not TLS would refuse what GSSAPI encrypts.
  if (whyUnknown(facts) !== undefined || usesGss(facts, gssSeen)) return undefined;
  const roles = facts.roles.filter((role) => done.has(role.name) && isNameable(role, facts));
  const names = namesInUse(facts);
  // Written once for each line: they are compared for each pair.
  const scopes = facts.rules.map(scopeOf);
  const added: HbaRule[] = [];
  const closed = new Set<string>();
  const changes = new Map<number, LineChange>();
  for (const [index, { rule, loopback }] of changesOf(facts.rules, false, new Set())) {
    const scope = scopes[index];
    const refusals = facts.rules.slice(0, index).filter((each, place) => scopes[place] === scope && refuses(each));
    const users = roles.filter((role) => isNew(role, rule, refusals, names));
    if (users.length === 0) continue;
    // Whom the line does not mean after all would be refused over loopback too.
    const isCertain = !isInDoubt(rule) && users.every((role) => matchUsers(usersOf(rule), role, names) === 'yes');
    if ((loopback.length > 0 && !isCertain) || isHostName(rule)) return undefined;
    const refusing = refusalsOf(rule, users);
    if (!refusing.every(isWritable)) return undefined;
    for (const { name } of users) closed.add(name);
    changes.set(index, { rule, loopback, gss: false, becomes: 'same', refusing });
  }
  if (changes.size === 0) return undefined;
  const after = facts.rules.flatMap((rule, origin): readonly DerivedRule[] => {
    const { loopback = [], refusing = [] } = changes.get(origin) ?? {};
    const refused = refusing.map((each) => ({ rule: each, origin: facts.rules.length + added.push(each) - 1 }));
    return [...loopback.map((block) => ({ rule: withAddress(rule, block), origin })), ...refused, { rule, origin }];
  });
  const trial = tryRules(facts, after, { gss: false, stage: { roles: closed, added } });
  if (trial.status === 'unknown' || trial.mismatches.length > 0) return undefined;
  return {
    changes: [...changes.values()],
    roles: [...closed].sort(),
    after: after.map(({ rule }) => rule),
    tried: trial.tried,
  };
}

/** Whether its name, as a line writes it, means this role and no other. */
function isNameable({ name, canLogin, superuser, replication }: HbaRole, { roles, major }: HbaFacts): boolean {
  if (!canLogin || superuser || replication || !/^[\x20\x22-\x7e]+$/.test(name)) return false;
  if (major >= PATTERNS_SINCE && name.startsWith('/')) return false;
  return roles.filter((other) => other.name === name).length === 1;
}

/** Whether the line may let the role in, and no line above it refuses the role the same already. */
function isNew(role: HbaRole, rule: HbaRule, refusals: readonly HbaRule[], names: NamesInUse): boolean {
  return (
    matchUsers(usersOf(rule), role, names) !== 'no' &&
    !refusals.some((each) => matchUsers(usersOf(each), role, names) === 'yes')
  );
}

function refuses({ method, type }: HbaRule): boolean {
  return method === 'reject' && canMatch(type, 'plaintext');
}

/** Its databases and addresses, as a line has them that was written here. */
function scopeOf(rule: HbaRule): string {
  return hbaLine({ ...rule, type: 'host', users: [], method: 'reject', options: [] });
}

/** A name may be that of the server itself, whose loopback it means then. */
function isHostName(rule: HbaRule): boolean {
  const isKeyword = /^(all|samehost|samenet)$/.test(rule.address ?? '') && rule.quotes?.address !== true;
  return rule.netmask === undefined && !isKeyword;
}

function refusalsOf(rule: HbaRule, users: readonly HbaRole[]): readonly HbaRule[] {
  const chunks = Array.from({ length: Math.ceil(users.length / NAMES_PER_LINE) }, (_, index) =>
    users.slice(index * NAMES_PER_LINE, (index + 1) * NAMES_PER_LINE),
  );
  return chunks.map((chunk) => ({
    ...rule,
    type: 'hostnossl',
    users: chunk.map(({ name }) => name),
    quotes: { ...rule.quotes, users: chunk.map(() => true) },
    method: 'reject',
    options: [],
    warning: undefined,
  }));
}
