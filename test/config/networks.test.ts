// Networks and satellites: what a configuration may say of them, and from which one a target is audited.

import { describe, expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../../lambda/config/index.ts';
import { networkOf, networksOf } from '../../lambda/config/networks.ts';

const VPC = { vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'], availabilityZones: ['a'] };
const TARGET = { name: 'orders', secret: 'prod/orders' };
const FLEET = { deployment: { fleet: {} } };
const HOME = { account: '123456789012', region: 'eu-west-1' };
const EMEA = { emea: { account: '111122223333', region: 'eu-central-1' } };
const RULE = { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor' };

function problems(config: object, use: 'deployment' | 'command-line' = 'deployment'): readonly string[] {
  try {
    parseConfig({ targets: [TARGET], ...config }, { use });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
}

describe('a configuration', () => {
  test('may have one network without a fleet, and more with one', () => {
    expect(problems({ networks: { prod: { vpc: VPC } } })).toEqual([]);
    expect(problems({ networks: { prod: { vpc: VPC }, partners: {} }, ...FLEET })).toEqual([]);
    expect(problems({ networks: { prod: { vpc: VPC }, partners: {} } })).toEqual([
      'networks: are 2 with "prod", "partners", and one function is in one: set "deployment": { "fleet": {} }, which has a ' +
        'worker for each, or deploy an auditor for each',
    ]);
    expect(problems({ networks: { prod: { vpc: VPC } }, deployment: { vpc: VPC } })).toEqual([
      expect.stringContaining('networks: are 2 with "prod", deployment.vpc'),
    ]);
  });

  test('needs a fleet and its own account and region for satellites', () => {
    expect(problems({ satellites: EMEA, deployment: { fleet: {}, ...HOME } })).toEqual([]);
    expect(problems({ satellites: EMEA })).toEqual([
      expect.stringContaining(
        'satellites: need a fleet, whose machine invokes them: set "deployment": { "fleet": {} }',
      ),
      expect.stringContaining('deployment.account: is missing'),
      expect.stringContaining('deployment.region: is missing'),
    ]);
  });

  test.each([
    [{ networks: { Prod: {} } }, 'networks.Prod: must be 1 to 32 lower-case letters'],
    [{ networks: { default: {} } }, 'networks.default: must not be "default"'],
    [{ networks: { emea: {} }, satellites: EMEA }, 'satellites.emea: has the name of a network'],
    [{ networks: { prod: { vpc: { ...VPC, availabilityZones: ['a', 'b'] } } } }, 'networks.prod.vpc.availabilityZones'],
    [{ satellites: { emea: { ...EMEA.emea, account: '1234' } } }, 'satellites.emea.account: must be the 12 digits'],
    [{ networks: { prod: { vpcs: VPC } } }, 'networks.prod.vpcs'],
  ])('is refused with %j', (config, problem) => {
    expect(problems({ deployment: { fleet: {}, ...HOME }, ...config }).join('\n')).toContain(problem);
  });

  test.each(['deployment', 'command-line'] as const)('is refused for a network that there is not, by the %s', (use) => {
    const named = { targets: [{ ...TARGET, network: 'dmz' }], discovery: [{ ...RULE, network: 'dmz' }] };
    const none = 'there is none: add it under "networks", or remove the setting, got "dmz"';
    expect(problems(named, use)).toEqual([`targets[0].network: ${none}`, `discovery[0].network: ${none}`]);
    const other = 'must be one of "prod", or add it under "networks", got "dmz"';
    expect(problems({ ...named, networks: { prod: {} } }, use)).toEqual([
      `targets[0].network: ${other}`,
      `discovery[0].network: ${other}`,
    ]);
  });

  test('names a network that there is: a typing error is refused, and what a tag names is known in a run only', () => {
    const networks = { prod: {} };
    expect(problems({ networks, targets: [{ ...TARGET, network: 'prod' }] })).toEqual([]);
    expect(problems({ networks, targets: [{ ...TARGET, network: 'porduction' }] })).toEqual([
      'targets[0].network: must be one of "prod", or add it under "networks", got "porduction"',
    ]);
    expect(problems({ targets: [{ ...TARGET, network: 'prod' }] })).toEqual([
      'targets[0].network: there is none: add it under "networks", or remove the setting, got "prod"',
    ]);
    expect(problems({ networks, discovery: [{ ...RULE, network: 'partners' }] })).toEqual([
      'discovery[0].network: must be one of "prod", or add it under "networks", got "partners"',
    ]);
    expect(problems({ networks, discovery: [{ ...RULE, network: '${tag:network}' }] })).toEqual([]);
    expect(problems({ networks, discovery: [{ ...RULE, network: '${network}' }] })).toEqual([
      expect.stringContaining('discovery[0].network'),
    ]);
    expect(
      problems({
        ...FLEET,
        ...{ satellites: EMEA, deployment: { fleet: {}, ...HOME } },
        networks,
        discovery: [{ ...RULE, network: 'emea' }],
      }),
    ).toEqual([]);
  });
});

describe('a target is audited from', () => {
  const networks = (config: object, hasDefaultVpc?: boolean) =>
    networksOf(parseConfig({ targets: [TARGET], ...config }, { use: 'deployment' }), hasDefaultVpc);
  const two = { networks: { prod: {}, partners: {} }, ...FLEET };

  test.each([
    ['no network of the configuration', {}, undefined, 'default'],
    ['deployment.vpc', { networks: { prod: {} }, deployment: { vpc: VPC, fleet: {} } }, undefined, 'default'],
    ['the only network', { networks: { prod: {} } }, undefined, 'prod'],
    ['the one that it names', two, 'partners', 'partners'],
    ['a satellite', { satellites: EMEA, deployment: { fleet: {}, ...HOME } }, 'emea', 'emea'],
    [
      'the default one beside satellites',
      { satellites: EMEA, deployment: { fleet: {}, ...HOME } },
      undefined,
      'default',
    ],
  ])('%s', (_, config, network, expected) => {
    expect(networkOf({ network }, networks(config))).toBe(expected);
  });

  test('the VPC that an app gives, where it names none', () => {
    expect(networkOf({}, networks(two, true))).toBe('default');
  });

  test('nowhere, with the fix, where it names none and there is no default', () => {
    expect(networkOf({}, networks(two))).toEqual({
      cause: 'network-unknown',
      phase: 'waiting',
      message: 'It names no network, and there is no default network for such a target',
      remedy:
        'set its "network", or that of the rule that finds it, to one of "prod", "partners"; or set deployment.vpc, which ' +
        'is the network of targets that name none',
    });
  });

  test('nowhere where its tag names one that there is not: also not in the only one, and not in one with a name of JavaScript', () => {
    for (const network of ['dmz', 'constructor', '__proto__', 'default', '']) {
      expect(networkOf({ network }, networks({ networks: { prod: {} } }))).toMatchObject({ cause: 'network-unknown' });
    }
    expect(networkOf({ network: 'dmz\u202e\n' }, networks(two))).toMatchObject({
      message: expect.not.stringMatching(/[\u202e\n]/),
    });
  });
});
