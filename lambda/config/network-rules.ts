// Checks rules of the configuration about networks and satellites, and what names them.

import { quoteName } from '../model/given-text.ts';
import { parseTemplate } from '../model/template.ts';
import { DATABASE_PLACEHOLDERS } from './schema.ts';
import type { RuleProblem, SoundConfig } from './sound.ts';

/** What is wrong with the networks, with the satellites, and with the names of them that targets and rules give. */
export function* networkProblems(config: SoundConfig): Iterable<RuleProblem> {
  const networks = Object.keys(config.networks ?? {});
  const satellites = Object.keys(config.satellites ?? {});
  yield* zoneProblems(config);
  for (const name of satellites.filter((each) => networks.includes(each))) {
    yield { path: ['satellites', name], message: 'has the name of a network: give one of them another name' };
  }
  yield* withoutFleet(config, networks, satellites);
  yield* withoutHome(config, satellites);
  yield* unknownNames(config, [...networks, ...satellites]);
}

/** CloudFormation pairs the lists. */
function* zoneProblems({ deployment, networks = {}, satellites = {} }: SoundConfig): Iterable<RuleProblem> {
  const vpcs = [
    { path: ['deployment', 'vpc'], vpc: deployment?.vpc },
    ...Object.entries(networks).map(([name, network]) => ({ path: ['networks', name, 'vpc'], vpc: network?.vpc })),
    ...Object.entries(satellites).map(([name, each]) => ({ path: ['satellites', name, 'vpc'], vpc: each?.vpc })),
  ];
  for (const { path, vpc } of vpcs) {
    const { availabilityZones, subnetIds } = vpc ?? {};
    if (availabilityZones === undefined || subnetIds === undefined) continue;
    if (availabilityZones.length === subnetIds.length) continue;
    yield {
      path: [...path, 'availabilityZones'],
      message: `must name one zone for each of the ${subnetIds.length} subnets, got ${availabilityZones.length}`,
    };
  }
}

/** Without a fleet, one function audits, and it is in one network. */
function* withoutFleet(
  { deployment }: SoundConfig,
  networks: readonly string[],
  satellites: readonly string[],
): Iterable<RuleProblem> {
  if (deployment !== undefined && 'fleet' in deployment) return;
  const fix = 'set "deployment": { "fleet": {} }, which has a worker for each, or deploy an auditor for each';
  const own = [...networks.map(quoteName), ...(deployment?.vpc === undefined ? [] : ['deployment.vpc'])];
  if (own.length > 1) {
    yield {
      path: ['networks'],
      message: `are ${own.length} with ${own.join(', ')}, and one function is in one: ${fix}`,
    };
  }
  if (satellites.length > 0) {
    yield { path: ['satellites'], message: `need a fleet, whose machine invokes them: ${fix}` };
  }
}

/** Neither stack needs the other one first: each knows the other's names by its account and region. */
function* withoutHome({ deployment = {} }: SoundConfig, satellites: readonly string[]): Iterable<RuleProblem> {
  if (satellites.length === 0) return;
  for (const setting of ['account', 'region'] as const) {
    if (setting in deployment) continue;
    yield {
      path: ['deployment', setting],
      message: 'is missing: with "satellites", name the account and the region of the auditor itself',
    };
  }
}

function* unknownNames(config: SoundConfig, names: readonly string[]): Iterable<RuleProblem> {
  const { targets = [], discovery = [] } = config;
  const allowed =
    names.length === 0
      ? 'there is none: add it under "networks", or remove the setting'
      : `must be one of ${names.map(quoteName).join(', ')}, or add it under "networks"`;
  for (const [index, target] of targets.entries()) {
    if (target?.network === undefined || names.includes(target.network)) continue;
    yield { path: ['targets', index, 'network'], message: `${allowed}, got ${quoteName(target.network)}` };
  }
  for (const [index, rule] of discovery.entries()) {
    if (rule?.network === undefined) continue;
    const parts = parseTemplate(rule.network, DATABASE_PLACEHOLDERS);
    // What placeholders give is known in a run only.
    const isText = !('problem' in parts) && parts.every((part) => 'text' in part);
    if (!isText || names.includes(rule.network)) continue;
    yield { path: ['discovery', index, 'network'], message: `${allowed}, got ${quoteName(rule.network)}` };
  }
}
