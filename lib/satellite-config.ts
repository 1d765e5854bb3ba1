// Reduces the configuration to what a satellite may know: its own targets and rules, and no one's alerts.

import type { Config, ConfigInput, RdsRule } from '../lambda/config/index.ts';
import { networkOf, networksOf } from '../lambda/config/networks.ts';
import { parseArn } from '../lambda/model/arn.ts';
import { type NetworkPart, partOf } from './network-parts.ts';

/** The satellite's part of the configuration. Databases of its own account need no role that is assumed. */
export function satellitePart(config: Config, name: string): NetworkPart {
  const { config: own } = partOf(config, name, networksOf(config));
  const account = config.satellites[name]?.account;
  return {
    name,
    config: {
      ...own,
      discovery: own.discovery.flatMap((rule) => (rule.source === 'rds' ? inAccount(rule, account) : [])),
    },
  };
}

/** Rules find nothing here: they say which logins and secrets of this account may be used. */
function inAccount(rule: RdsRule, account: string | undefined): readonly RdsRule[] {
  const isHere = rule.accounts.some((role) => role !== undefined && parseArn(role.roleArn)?.account === account);
  return [{ ...rule, accounts: isHere ? [undefined] : [] }];
}

/** The document of the satellite's bundle. Its worker gets its targets from the plan of each run. */
export function satelliteDocument(document: ConfigInput, config: Config, name: string): ConfigInput {
  const {
    $schema,
    alerts,
    mutes,
    deployment,
    networks,
    satellites,
    targets = [],
    discovery = [],
    ...shared
  } = document;
  const all = networksOf(config);
  const { fleet: _, account: __, region: ___, vpc: ____, ...settings } = deployment ?? {};
  const own = targets.filter((target) => networkOf(target, all) === name).map(({ network, ...target }) => target);
  const rules = discovery
    .filter(({ rds }, index) => rds !== undefined && isFor(config, index, name))
    .map(({ network, rds, ...rule }) => (rds === undefined ? rule : { ...rule, rds: { ...rds, accounts: undefined } }));
  return { ...shared, deployment: settings, targets: own, discovery: rules };
}

function isFor(config: Config, index: number, name: string): boolean {
  const rule = config.discovery[index];
  return (
    rule !== undefined && partOf({ ...config, discovery: [rule] }, name, networksOf(config)).config.discovery.length > 0
  );
}
