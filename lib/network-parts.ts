// Divides the configuration by network: each worker gets the targets and rules that it may audit, and no others.

import type { Config } from '../lambda/config/index.ts';
import { type Networks, networkOf, networksOf } from '../lambda/config/networks.ts';
import { fillTemplate, placeholdersOf, type Template } from '../lambda/model/template.ts';

/** A network of the deployment's account, or a satellite. */
export interface NetworkPart {
  readonly name: string;
  /** The configuration with the targets, and the rules of discovery, that may be audited from it. */
  readonly config: Config;
}

/**
 * The networks of the deployment's own account: the first one is that of the single function.
 *
 * @param hasDefaultVpc whether there is a VPC for targets that name no network
 */
export function ownParts(config: Config, hasDefaultVpc: boolean): readonly NetworkPart[] {
  const networks = networksOf(config, hasDefaultVpc);
  return networks.names
    .filter((name) => !Object.hasOwn(config.satellites, name))
    .map((name) => partOf(config, name, networks));
}

/** @param name of a network or satellite of the configuration */
export function partOf(config: Config, name: string, networks: Networks): NetworkPart {
  return {
    name,
    config: {
      ...config,
      targets: config.targets.filter((target) => networkOf(target, networks) === name),
      discovery: config.discovery.filter((rule) => {
        if (rule.source === 'file' || rule.network === undefined) return networks.byDefault === name;
        return mayName(rule.network, name);
      }),
    },
  };
}

/** Whether a template may give the name: what its placeholders stand for is known in a run only. */
function mayName(template: Template, name: string): boolean {
  if (placeholdersOf(template).length > 0) return true;
  return fillTemplate(template, { placeholders: {}, tags: new Map() }) === name;
}

/** How many named targets no network reaches: each run reports them. */
export function unreachedTargets(config: Config, hasDefaultVpc: boolean): readonly string[] {
  const networks = networksOf(config, hasDefaultVpc);
  return config.targets.filter((target) => typeof networkOf(target, networks) !== 'string').map(({ name }) => name);
}
