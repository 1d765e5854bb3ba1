// The configuration: what it takes, what it refuses, and how it says so.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, parseConfig } from '../../lambda/config/index.ts';

const TARGET = { name: 'orders', secret: 'prod/orders' };

function parse(document: unknown, use: 'deployment' | 'command-line' = 'command-line'): Config {
  return parseConfig(document, { source: 'auditor.config.json', use });
}

/** The message that refuses a document. */
function refusal(document: unknown, use?: 'deployment' | 'command-line'): string {
  try {
    parse(document, use);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the document was taken');
}

describe('a configuration', () => {
  test('needs targets only, and fills in the rest', () => {
    expect(parse({ targets: [TARGET] })).toMatchInlineSnapshot(`
      {
        "alerts": {
          "email": [],
          "minSeverity": "medium",
          "repeatIntervalHours": 24,
          "resolveAfterHours": 24,
          "routes": [],
          "slack": [],
        },
        "concurrency": 32,
        "deployment": {
          "dashboard": true,
          "evidence": "s3",
          "evidenceRetentionDays": 400,
          "logRetentionDays": 90,
          "memoryMiB": 1024,
          "pageLink": "console",
          "secretKmsKeyArns": [],
          "securityHub": false,
          "state": "dynamodb",
          "timeoutMinutes": 5,
          "topicEncryption": "customer-managed",
        },
        "discovery": [],
        "mutes": [],
        "networks": {},
        "policy": {
          "certificateExpiryDays": {
            "critical": 7,
            "high": 14,
            "medium": 30,
          },
          "cipherProfile": "mozilla-intermediate",
          "clientCertificateRoles": [],
          "loopback": "info",
          "minTlsVersion": "TLSv1.2",
          "preferredTlsVersion": "TLSv1.3",
        },
        "satellites": {},
        "schedule": "rate(15 minutes)",
        "targets": [
          {
            "authentication": [
              "scram-sha-256",
              "md5",
              "none",
            ],
            "ca": [
              "system",
            ],
            "clientCertificate": undefined,
            "credentials": {
              "secret": "prod/orders",
            },
            "crl": [],
            "database": undefined,
            "host": undefined,
            "kind": "postgresql",
            "labels": {},
            "logs": "none",
            "minScramIterations": 4096,
            "name": "orders",
            "network": undefined,
            "port": undefined,
            "probe": false,
            "sampleMs": 0,
            "sslNegotiation": "postgres",
            "timeoutMs": 20000,
            "tlsServerName": undefined,
          },
        ],
        "timezone": "UTC",
      }
    `);
  });

  test('gives targets its revocation lists, and lets them name others', () => {
    const { targets } = parse({
      defaults: { crl: { secret: 'shared/crl' } },
      targets: [TARGET, { ...TARGET, name: 'billing', crl: [{ secret: 'x', key: 'crl' }, { secret: 'y' }] }],
    });
    expect(targets.map(({ crl }) => crl)).toEqual([
      [{ secret: 'shared/crl' }],
      [{ secret: 'x', key: 'crl' }, { secret: 'y' }],
    ]);
  });

  test('takes IAM logins without a secret, which send tokens only', () => {
    const host = 'orders.abc123.eu-west-1.rds.amazonaws.com';
    const { targets } = parse({
      defaults: { authentication: ['scram-sha-256', 'none'] },
      targets: [{ name: 'orders', credentials: 'iam', role: 'tls_auditor', host }],
    });
    expect(targets[0]).toMatchObject({
      credentials: { iam: { role: 'tls_auditor' } },
      authentication: ['password'],
      host,
    });
  });

  test('refuses IAM logins that are half said, or that could match more than one role', () => {
    const message = refusal({
      targets: [
        { name: 'a', credentials: 'iam' },
        { name: 'b', credentials: 'iam', role: 'tls_*', host: 'b', region: 'Ireland' },
        { name: 'c', credentials: 'iam', role: 'x', host: 'c', authentication: 'md5', kind: 'pgbouncer' },
        { ...TARGET, name: 'd', role: 'x', region: 'eu-west-1' },
        { ...TARGET, name: 'e', credentials: 'iam', role: 'x', host: 'e' },
      ],
    });
    for (const part of [
      'targets[0].role: is missing',
      'targets[0].host: is missing',
      'targets[1].role: must be 1 to 63 letters',
      'targets[1].region: must be an AWS region',
      'targets[2].authentication: must be left out',
      'targets[2].credentials: must not be "iam" where kind is "pgbouncer"',
      'targets[3].role: goes with "credentials": "iam" only',
      'targets[3].region: goes with "credentials": "iam" only',
      'targets[4]: names both "secret" and "credentials"',
    ])
      expect(message).toContain(part);
  });

  test('gives targets its defaults, and lets them say otherwise', () => {
    const { targets } = parse({
      defaults: { ca: { secret: 'shared/ca' }, sslNegotiation: 'direct', timeoutSeconds: 5 },
      targets: [
        TARGET,
        { ...TARGET, name: 'billing', ca: ['system', { secret: 'x', key: 'pem' }], sslNegotiation: 'postgres' },
        { ...TARGET, name: 'slow', timeoutSeconds: 60, clientCertificate: { secret: 'mtls' } },
      ],
    });
    expect(targets).toMatchObject([
      { ca: [{ secret: 'shared/ca' }], sslNegotiation: 'direct', timeoutMs: 5_000 },
      { ca: ['system', { secret: 'x', key: 'pem' }], sslNegotiation: 'postgres', timeoutMs: 5_000 },
      { ca: [{ secret: 'shared/ca' }], timeoutMs: 60_000, clientCertificate: { secret: 'mtls' } },
    ]);
  });

  test('turns the wire probe on for all targets, or for those that ask for it', () => {
    const [one, other] = [TARGET, { ...TARGET, name: 'other' }];
    expect(parse({ targets: [{ ...one, probe: true }, other] }).targets).toMatchObject([
      { probe: true },
      { probe: false },
    ]);
    expect(parse({ defaults: { probe: true }, targets: [one, { ...other, probe: false }] }).targets).toMatchObject([
      { probe: true },
      { probe: false },
    ]);
    expect(refusal({ targets: [{ ...one, probe: 'yes' }] })).toContain('targets[0].probe');
  });

  test('takes roles that must show a client certificate, and no nameless one', () => {
    const clientCertificateRoles = ['ledger', 'app_*'];
    expect(parse({ policy: { clientCertificateRoles }, targets: [TARGET] }).policy).toMatchObject({
      clientCertificateRoles,
    });
    expect(refusal({ policy: { clientCertificateRoles: [''] }, targets: [TARGET] })).toContain(
      'policy.clientCertificateRoles[0]',
    );
  });

  test.each([
    '10.1.2.3',
    '::1',
    '2001:db8::1',
    'db.example.com',
    'my_host',
    'ep-cool-darkness-123456.us-east-2.aws.neon.tech',
  ])('takes %s for a host', (host) => {
    expect(parse({ targets: [{ ...TARGET, host }] }).targets[0]?.host).toBe(host);
  });

  test.each([
    'prod/orders/tls-auditor',
    'rds!db-1a2b3c',
    'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/orders-AbCdEf',
    'arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:rds!cluster-1a2b-AbCdEf',
  ])('takes %s for the name of a secret', (secret) => {
    expect(parse({ targets: [{ name: 'a', secret }] }).targets[0]?.credentials).toEqual({ secret });
  });

  test.each([
    ['schedule', 'cron(0 6 * * * *)'],
    ['schedule', 'cron(0 6 ? * ? *)'],
    ['timezone', '+05:30'],
    ['timezone', 'europe/berlin'],
  ])('refuses %s %s, which EventBridge Scheduler would', (setting, value) => {
    expect(refusal({ [setting]: value, targets: [TARGET] })).toContain(`${setting}: must be`);
  });

  test.each(['cron(0 6 * * ? *)', 'cron(0/15 * ? * MON-FRI *)', 'cron(0 8 1 * ? *)', 'rate(1 hour)'])(
    'takes %s for a schedule',
    (schedule) => {
      expect(parse({ schedule, targets: [TARGET] }).schedule).toBe(schedule);
    },
  );

  test.each(['db.example.com:5432', 'postgres://db', 'db/orders', '[::1]', '-db', ''])(
    'refuses %j for a host',
    (host) => {
      expect(refusal({ targets: [{ ...TARGET, host }] })).toContain('targets[0].host');
    },
  );

  test('takes files and environment variables on the command line only', () => {
    const document = {
      defaults: { ca: { file: './ca.pem' }, crl: { file: './crl.pem' } },
      targets: [
        {
          name: 'laptop',
          credentials: { env: 'LAPTOP_DSN' },
          clientCertificate: { certificateFile: 'c', keyFile: 'k', keyPassphrase: { env: 'PASSPHRASE' } },
        },
        {
          name: 'other',
          credentials: { file: './dsn' },
          ca: ['system', { file: './x.pem' }],
          crl: [{ secret: 'crl' }, { file: './x.crl' }],
        },
      ],
    };
    expect(parse(document).targets).toHaveLength(2);
    expect(refusal(document, 'deployment')).toMatchInlineSnapshot(`
      "auditor.config.json has 7 problems:
        defaults.ca: a file works on the command line only; a deployed function needs {"secret": …} or "system"
        defaults.crl: a file works on the command line only; a deployed function needs {"secret": …}
        targets[0].credentials: an environment variable or a file works on the command line only; a deployed function needs {"secret": …}
        targets[0].clientCertificate: a file works on the command line only; a deployed function needs {"secret": …}
        targets[1].credentials: an environment variable or a file works on the command line only; a deployed function needs {"secret": …}
        targets[1].ca: a file works on the command line only; a deployed function needs {"secret": …} or "system"
        targets[1].crl: a file works on the command line only; a deployed function needs {"secret": …}"
    `);
  });
});

describe('what is wrong', () => {
  test('gets all problems at once, each with its path, the value given and what is allowed', () => {
    expect(
      refusal({
        schedule: 'every day',
        timezone: 'Mars/Olympus',
        alerts: { email: ['dba'], slack: [{ workspaceId: 'x', channelId: 'C0123ABCD' }], minSeverity: 'urgent' },
        policy: { minTlsVersion: 'TLSv1.1', loopbak: 'ignore', certificateExpiryDays: { medium: 1 } },
        concurrency: 0,
        targets: [
          { name: 'a b', secret: 'postgres://u:canary@h/db' },
          { name: 'orders', secret: 'x', port: 70_000, host: 'db:5432/x' },
          { name: 'orders', secret: 'x', credentials: { env: 'X' } },
          { name: 'none' },
          'orders',
        ],
      }),
    ).toMatchInlineSnapshot(`
      "auditor.config.json has 17 problems:
        schedule: must be an EventBridge Scheduler expression such as rate(15 minutes) or cron(0 6 * * ? *), got "every day"
        timezone: must be an IANA time zone such as Europe/Berlin, got "Mars/Olympus"
        alerts.email[0]: must be an email address, got "dba"
        alerts.slack[0].workspaceId: must be a Slack workspace id such as T0123ABCD, got "x"
        alerts.minSeverity: must be one of "info", "low", "medium", "high", "critical", got "urgent"
        policy.minTlsVersion: must be one of "TLSv1.2", "TLSv1.3", got "TLSv1.1"
        policy.loopbak: is not a setting; allowed here: minTlsVersion, preferredTlsVersion, cipherProfile, loopback, certificateExpiryDays, clientCertificateRoles
        concurrency: must be a whole number from 1 to 256, got 0
        targets[0].name: must be 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit; a slash may join up to four such parts, got "a b"
        targets[0].secret: must be the name or ARN of a Secrets Manager secret (letters, digits and /_+=.@!-), never the secret itself, got a text that may hold a secret (not shown)
        targets[1].host: must be a host name or an IP address, without a port, got "db:5432/x"
        targets[1].port: must be a whole number from 1 to 65535, got 70000
        targets[4]: must be an object, got "orders"
        policy.certificateExpiryDays: medium, high and critical must descend, got 1, 14, 7
        targets[2].name: must be unique, but targets[1] is named "orders" too
        targets[2]: names both "secret" and "credentials": give one of them
        targets[3]: names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")"
    `);
  });

  test('gets the problems of rules that span settings even when others are wrong elsewhere', () => {
    const message = refusal({
      policy: { minTlsVersion: 'TLSv1.3', preferredTlsVersion: 'TLSv1.2' },
      alerts: { slack: ['T0123ABCD', 'T9999ABCD'].map((workspaceId) => ({ workspaceId, channelId: 'C0123ABCD' })) },
      deployment: { vpc: { vpcId: 'vpc-1', subnetIds: ['subnet-0123456789abcdef0'], availabilityZones: ['a', 'b'] } },
      targets: [TARGET, { ...TARGET, port: 54.32, secret: { name: 'x' } }],
    });
    expect(message).not.toContain('names no credentials');
    expect(message).toContain('policy.preferredTlsVersion: must not be below minTlsVersion (TLSv1.3)');
    expect(message).toContain('deployment.vpc.vpcId');
    expect(message).toContain('deployment.vpc.availabilityZones: must name one zone for each of the 1 subnets, got 2');
    expect(message).toContain('alerts.slack[1].channelId: must be unique, but "C0123ABCD" is named before');
    expect(message).toContain('targets[1].name: must be unique, but targets[0] is named "orders" too');
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'targets'],
    ['a list', [TARGET]],
    ['no targets', {}],
    ['an empty list of targets', { targets: [] }],
    ['something else for targets', { targets: { orders: TARGET } }],
  ])('is refused for %s', (_what, document) => {
    expect(refusal(document)).toMatch(/^auditor\.config\.json has a problem:\n {2}(\(document\)|targets): /);
  });

  test('never shows what may be a secret in the wrong place', () => {
    const canary = 'canary-Xq7';
    const message = refusal({
      targets: [
        { name: `postgres://u:${canary}@h`, secret: `host=h password=${canary}` },
        { name: 'x', secret: `-----BEGIN PRIVATE KEY-----${canary}` },
        { name: 'y', secret: { password: canary }, host: `postgres://u:${canary}@h` },
        { name: 'z', secret: `${canary} with a space`, ca: { secret: `${canary}#` } },
      ],
    });
    expect(message).not.toContain(canary);
  });

  test('holds for any document: it is taken, or refused with a ConfigError, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        try {
          parse(document);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});
