// Limits are said at synthesis before they hurt: nothing below them, a warning with numbers and the fix near them.

import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket, type BucketProps, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, test } from 'vitest';
import { processorClock } from '../../lab/processor-time.ts';
import { type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { divideTime } from '../../lambda/model/run-time.ts';
import { environmentUse } from '../../lib/function-environment.ts';
import {
  documentLimitUse,
  type LimitUse,
  resourceLimitUse,
  rolePolicyUse,
  routeLimitUse,
  targetLimitUse,
  warnNearLimits,
} from '../../lib/limits.ts';
import { lateTargets } from '../../lib/limits-run-time.ts';
import { appWithoutBundling, type Synthesis, synthesize } from './synthesis.ts';

function targets(count: number, settings: object = {}): NonNullable<ConfigInput['targets']> {
  return Array.from({ length: count }, (_, index) => ({ name: `db-${index}`, secret: 'prod/all', ...settings }));
}

/** The auditor's own warnings and notes, each with its id. */
function said({ stack }: Synthesis, kind: 'findWarning' | 'findInfo'): readonly string[] {
  return Annotations.fromStack(stack)
    [kind]('*', Match.anyValue())
    .map(({ entry }) => String(entry.data))
    .filter((text) => text.includes('pg-tls-auditor:'));
}

const DISCOVERY: ConfigInput = {
  discovery: [{ rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor', timeoutSeconds: 30 }],
};

test('a small configuration is warned of nothing', () => {
  expect(said(synthesize(), 'findWarning')).toEqual([]);
  expect(said(synthesize(), 'findInfo')).toEqual([]);
});

describe('the time of a run', () => {
  // 280 s of five minutes, 32 at once, 20 s each: 14 rounds.
  test.each([
    [448, 0],
    [449, 1],
    [1_000, 552],
  ])('%i targets that do not answer leave %i without an audit', (count, late) => {
    const settings = { timeoutMs: 20_000, sampleMs: 0 };
    expect(
      lateTargets({
        targets: Array.from({ length: count }, () => settings),
        concurrency: 32,
        discovery: [],
        deployment: { timeoutMinutes: 5 },
      }),
    ).toBe(late);
  });

  test('is that of the audit itself: a run without answers ends within it', () => {
    expect(divideTime(300_000)).toEqual({ auditMs: 280_000, reserveMs: 20_000 });
    expect(divideTime(40_000)).toEqual({ auditMs: 30_000, reserveMs: 10_000 });
  });

  test('is warned of with the numbers, the fleet, and the settings that suffice', () => {
    expect(said(synthesize({ targets: targets(1_000) }), 'findWarning')).toEqual([
      'the config of Databases/TlsAuditor: 1000 targets that do not answer take 640 s when 32 are audited at once, and a ' +
        'run of 5 minutes has 280 s for them: 552 would be reported as not audited. Set deployment.fleet, which shares ' +
        'them out among workers, or raise deployment.timeoutMinutes to 11 or concurrency to 72, or lower timeoutSeconds ' +
        '[ack: Annotation::pg-tls-auditor:runTime]',
    ]);
    // The settings that the text names are enough, and one less is not.
    for (const [settings, warnings] of [
      [{ deployment: { timeoutMinutes: 11 } }, 0],
      [{ deployment: { timeoutMinutes: 10 } }, 1],
      [{ concurrency: 72 }, 0],
      [{ concurrency: 71 }, 1],
    ] as const) {
      expect(said(synthesize({ targets: targets(1_000), ...settings }), 'findWarning')).toHaveLength(warnings);
    }
  });

  test('names only the fleet where neither more time nor more concurrency suffices', () => {
    const [warning] = said(synthesize({ targets: targets(600, { timeoutSeconds: 600 }) }), 'findWarning');
    expect(warning).toContain('Set deployment.fleet, which shares them out among workers, or lower timeoutSeconds');
  });

  test('counts what sampling takes', () => {
    const slow = targets(32, { sampleSeconds: 270 });
    expect(said(synthesize({ targets: slow }), 'findWarning')).toHaveLength(1);
  });

  test('is said of discovery as the number that fits: how many it finds is not known', () => {
    // 9 rounds of 30 s fit into 280 s; the named target takes one place for 20 s.
    expect(said(synthesize(DISCOVERY), 'findInfo')).toEqual([
      'the config of Databases/TlsAuditor: beside the target that it names, a run of 5 minutes has time for 287 that ' +
        'discovery finds, where none of them answers. For more, set deployment.fleet, or raise deployment.timeoutMinutes ' +
        'or concurrency [ack: pg-tls-auditor:runTimeOfDiscovery]',
    ]);
    expect(said(synthesize({ ...DISCOVERY, targets: targets(1_000) }), 'findInfo')).toEqual([]);
  });

  test('is worked out in little time for the most targets that a configuration can name', () => {
    const spent = processorClock();
    lateTargets({
      targets: Array.from({ length: 5_000 }, () => ({ timeoutMs: 20_000, sampleMs: 0 })),
      concurrency: 256,
      discovery: [],
      deployment: { timeoutMinutes: 15 },
    });
    expect(spent()).toBeLessThan(1_000);
  });
});

describe('limits of AWS', () => {
  const use = (used: number): LimitUse => ({
    id: 'x',
    what: 'it has',
    used,
    most: 5_000,
    unit: 'things',
    fix: 'Have less',
  });

  test('are warned of from 80 % on, with the numbers and the fix', () => {
    const warnings = (used: number): readonly string[] => {
      const stack = new Stack(appWithoutBundling(), 'Databases');
      warnNearLimits(stack, 'a.json', [use(used)]);
      return Annotations.fromStack(stack)
        .findWarning('*', Match.anyValue())
        .map(({ entry }) => String(entry.data));
    };
    expect(warnings(3_999)).toEqual([]);
    expect(warnings(4_000)).toEqual([
      'a.json: it has 4,000 of the 5,000 things. Have less [ack: Annotation::pg-tls-auditor:near-limit:x]',
    ]);
  });

  test('of a deployment are warned of where it is synthesised', () => {
    const secrets = Array.from({ length: 400 }, (_, index) => ({
      name: `db-${index}`,
      secret: `prod/databases/with-a-long-name/${String(index).padStart(4, '0')}`,
    }));
    expect(said(synthesize({ targets: secrets }), 'findWarning')).toEqual([
      expect.stringMatching(/granting each secret and log group takes 8 of the 9 IAM policies .* deployment\.fleet/),
    ]);
  });

  test('count the environment as it is deployed, where references become ARNs', () => {
    const stack = new Stack(appWithoutBundling(), 'Databases');
    const secret = new Secret(stack, 'Secret');
    const { used, most } = environmentUse(stack, { A: 'text', B: secret.secretArn });
    expect(most).toBe(4_096);
    // Two names, a text, the punctuation of both, and an ARN of 65 to 120 characters.
    expect(used - 'AtextB'.length - 12).toBeGreaterThan(65);
    expect(used - 'AtextB'.length - 12).toBeLessThan(120);
  });

  test('count the resources of the stack, and what is inside the policy of the role', () => {
    const stack = new Stack(appWithoutBundling(), 'Databases');
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    expect(rolePolicyUse(role)).toMatchObject({ used: 0, most: 10_240 });
    const resources = Array.from(
      { length: 100 },
      (_, index) => `arn:aws:sqs:eu-west-1:123456789012:queue-${index + 100}`,
    );
    role.addToPolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources }));
    const statement = { Action: 'sqs:SendMessage', Effect: 'Allow', Resource: resources };
    const exact = JSON.stringify({ Statement: [statement], Version: '2012-10-17' }).length;
    expect(Math.abs(rolePolicyUse(role).used - exact)).toBeLessThan(20);
    // The role and its policy.
    expect(resourceLimitUse(stack)).toMatchObject({ used: 2, most: 500 });
  });

  test('count what the configuration names, each endpoint once', () => {
    const route = { minSeverity: 'low', slack: [], https: [], sqs: [], lambda: [] } as const;
    const routes = ['a@example.com', 'b@example.com', 'a@example.com'].map((address, index) => ({
      ...route,
      name: `team-${index}`,
      email: [address],
    }));
    expect(routeLimitUse(routes)).toMatchObject({ used: 2, most: 200 });
    expect(documentLimitUse({ targets: [{ name: 'ä', secret: 's' }] })).toMatchObject({
      used: 40,
      most: 16 * 1024 ** 2,
    });
    const { targets: named } = parseConfig({ targets: targets(3) }, { use: 'deployment' });
    expect(targetLimitUse({ targets: named })).toMatchObject({ used: 3, most: 5_000 });
  });
});

describe('plans and parts in a bucket of your own', () => {
  const FLEET: Partial<ConfigInput> = { deployment: { fleet: {} } };
  const days = (count: number): { readonly expiration: Duration } => ({ expiration: Duration.days(count) });
  const withBucket = (made: (stack: Stack) => Bucket | IBucket, config = FLEET): Synthesis =>
    synthesize(config, (stack) => ({ evidenceBucket: made(stack) as IBucket }));
  const own = (props: BucketProps): Synthesis => withBucket((stack) => new Bucket(stack, 'Ours', props));
  const imported = (stack: Stack): IBucket => Bucket.fromBucketName(stack, 'Ours', 'ours');
  const DELETE =
    'Nothing else deletes the plans and parts of runs: give it rules that expire what begins with plans/ and what begins ' +
    'with runs/ after 7 days, and versions that are not current after 1 day where it keeps them';

  test.each<readonly [string, Synthesis, string]>([
    ['without rules', own({}), 'plans/ and runs/'],
    ['with a rule for one of them', own({ lifecycleRules: [{ ...days(7), prefix: 'plans/' }] }), 'runs/'],
    ['with a rule that is off', own({ lifecycleRules: [{ ...days(7), enabled: false }] }), 'plans/ and runs/'],
    [
      'with a rule for some objects',
      own({
        lifecycleRules: [
          { ...days(7), objectSizeGreaterThan: 1_000_000 },
          { ...days(7), tagFilters: { a: 'b' } },
        ],
      }),
      'plans/ and runs/',
    ],
    ['with a rule for reports', own({ lifecycleRules: [{ ...days(7), prefix: 'reports/' }] }), 'plans/ and runs/'],
    [
      'that keeps every version',
      own({
        versioned: true,
        lifecycleRules: [days(7), { noncurrentVersionExpiration: Duration.days(1), prefix: 'runs/' }],
      }),
      'plans/',
    ],
  ])('%s is warned of', (_, synthesis, prefixes) => {
    expect(said(synthesis, 'findWarning')).toEqual([
      `the evidence bucket has no lifecycle rule that deletes all of ${prefixes}. ${DELETE} ` +
        '[ack: Annotation::pg-tls-auditor:runRetention]',
    ]);
  });

  test('that is imported is warned of: its rules are not to be seen', () => {
    expect(said(withBucket(imported), 'findWarning')).toEqual([
      `the evidence bucket is imported, so that its lifecycle rules are not known here. ${DELETE} ` +
        '[ack: Annotation::pg-tls-auditor:runRetention]',
    ]);
  });

  test.each<readonly [string, () => Synthesis]>([
    ['whose rule is for everything', () => own({ lifecycleRules: [days(365)] })],
    [
      'with rules that were added behind the auditor',
      () => {
        const synthesis = own({ versioned: true });
        for (const prefix of ['plans/', 'runs/']) {
          (synthesis.auditor.evidenceBucket as unknown as Bucket).addLifecycleRule({
            ...days(7),
            prefix,
            noncurrentVersionExpiration: Duration.days(1),
          });
        }
        return synthesis;
      },
    ],
    ['without a fleet', () => withBucket(imported, {})],
    ['that the stack makes', () => synthesize(FLEET)],
    [
      'whose owner acknowledged it',
      () => {
        const synthesis = withBucket(imported);
        const id = 'Annotation::pg-tls-auditor:runRetention';
        Validations.of(synthesis.stack).acknowledge({ id, reason: 'the bucket has rules' });
        return synthesis;
      },
    ],
  ])('%s is warned of nothing', (_, make) => {
    expect(said(make(), 'findWarning')).toEqual([]);
  });
});
