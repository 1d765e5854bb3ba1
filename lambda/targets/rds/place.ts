// Names the places where databases of RDS are found: one account in one region each.

import { createHash } from 'node:crypto';
import type { RdsRule } from '../../config/index.ts';
import { parseArn } from '../../model/arn.ts';
import type { AssumedRole } from '../../model/assumed-role.ts';

export interface Place {
  readonly region: string;
  /** Undefined: the auditor's own account. */
  readonly assumedRole: AssumedRole | undefined;
}

/** Unique among places, and fit for the key of a record. */
export function keyOf({ region, assumedRole }: Place): string {
  if (assumedRole === undefined) return region;
  // Another external id or role may see other databases.
  const role = createHash('sha256')
    .update(JSON.stringify([assumedRole.roleArn, assumedRole.externalId]))
    .digest('hex');
  return `${parseArn(assumedRole.roleArn)?.account}/${region}/${role.slice(0, 16)}`;
}

/** As messages name it. */
export function describePlace({ region, assumedRole }: Place): string {
  const account = assumedRole === undefined ? undefined : parseArn(assumedRole.roleArn)?.account;
  return account === undefined ? region : `account ${account}, ${region}`;
}

/** As findings name it: no identifier of RDS has a colon. */
export function nameOfPlace({ region, assumedRole }: Place): string {
  const account = assumedRole === undefined ? undefined : parseArn(assumedRole.roleArn)?.account;
  return account === undefined ? `rds:${region}` : `rds:${account}/${region}`;
}

/** The places of all rules, each once. */
export function placesOf(rules: readonly RdsRule[]): readonly Place[] {
  const places = rules.flatMap(({ accounts, regions }) =>
    accounts.flatMap((assumedRole) => regions.map((region): Place => ({ region, assumedRole }))),
  );
  return [...new Map(places.map((place) => [keyOf(place), place])).values()];
}

export function coversPlace({ accounts, regions }: RdsRule, { region, assumedRole }: Place): boolean {
  const key = (role: AssumedRole | undefined): string => keyOf({ region, assumedRole: role });
  return regions.includes(region) && accounts.some((account) => key(account) === key(assumedRole));
}

/**
 * What stands before the names of the databases of a place: nothing where there is one account and one region, so that
 * names never depend on which databases there are, or on which place answered.
 */
export function prefixOf({ region, assumedRole }: Place, places: readonly Place[]): string {
  const accounts = new Set(places.map((place) => accountOf(place)));
  const regions = new Set(places.map((place) => place.region));
  const account = accounts.size > 1 ? [accountOf({ region, assumedRole })] : [];
  return [...account, ...(regions.size > 1 ? [region] : []), ''].join('/');
}

function accountOf({ assumedRole }: Place): string {
  return assumedRole === undefined ? 'own' : (parseArn(assumedRole.roleArn)?.account ?? 'own');
}
