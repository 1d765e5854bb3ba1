// The whole path, for real: PostgreSQL with clients of every kind, Secrets Manager, the Lambda handler, SNS.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, bodyFor, startAwsEndpoint } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { blackHole, closedPort } from '../../lab/faulty-servers.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { AUDITOR, legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, openSessions, SESSION_KINDS } from '../../lab/sessions.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import type { handler as Handler } from '../../lambda/handler.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';

const SCHEDULED = { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: {} };
const TARGET = { name: 'orders', secret: 'prod/orders' };

let server: PostgresServer;
let folder: string;
let aws: AwsEndpoint;
let handler: typeof Handler;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-handler-'));
  server = await startPostgres(
    healthyServer({
      hba: LOOPBACK_PLAINTEXT_HBA,
      roles: [AUDITOR, { name: 'blind' }, { name: 'app' }, { name: 'boss', attributes: 'SUPERUSER' }],
    }),
  );
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  aws = await startAwsEndpoint({
    secrets: { 'prod/orders': rdsSecret(server, 'tls_auditor'), 'shared/ca': server.ca ?? '' },
  });
  const variables = {
    ...aws.environment(),
    ALERT_TOPIC_ARN: aws.topicArn,
    AUDITOR_CONFIG_FILE: join(folder, 'auditor.config.json'),
    POWERTOOLS_SERVICE_NAME: 'pg-tls-auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  // A new module for each test, as a new execution environment is: its clients know this endpoint.
  vi.resetModules();
  ({ handler } = await import('../../lambda/handler.ts'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await aws[Symbol.asyncDispose]();
});

async function configure(config: Partial<ConfigInput> = {}): Promise<void> {
  const document = { defaults: { ca: { secret: 'shared/ca' }, timeoutSeconds: 5 }, targets: [TARGET], ...config };
  await writeFile(join(folder, 'auditor.config.json'), JSON.stringify(document));
}

interface Run {
  readonly report: Report;
  /** What the run logged, one JSON document a line. */
  readonly log: readonly Record<string, unknown>[];
  /** Everything that came out of it: log, report, messages. */
  readonly output: string;
}

/**
 * Invokes the handler, and catches what it writes.
 *
 * @param remainingMs the time that the run has, and where it is another, what is left of it from the audit on
 */
async function invoke(event: unknown = SCHEDULED, ...remainingMs: number[]): Promise<Run> {
  let asked = 0;
  const remaining = (): number => remainingMs[Math.min(asked++, remainingMs.length - 1)] ?? 60_000;
  const lines: string[] = [];
  const caught = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      lines.push(...String(chunk).split('\n'));
      return true;
    }),
  );
  // The metrics leave by the console, which vitest has replaced.
  caught.push(vi.spyOn(console, 'log').mockImplementation((line: unknown) => void lines.push(String(line))) as never);
  try {
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: remaining };
    const report = (await handler(event, context)) as Report;
    const output = [...lines, JSON.stringify(report), ...aws.published.map((message) => JSON.stringify(message))];
    const log = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
    return { report, log, output: output.join('\n') };
  } finally {
    for (const spy of caught) spy.mockRestore();
  }
}

/** The metrics of a run, as CloudWatch reads them from the log. */
function metricsOf({ log }: Run): Record<string, unknown> {
  const [record, ...others] = log.filter((line) => '_aws' in line);
  expect(others).toEqual([]);
  return record ?? {};
}

describe('a scheduled run', () => {
  test('gives each kind of session its finding, and what lets it in its own, and leaves the good ones alone', async () => {
    await using careless = await startPostgres({
      tls: legacyTls,
      hba: ['local all all trust', 'host all all all scram-sha-256'],
      databases: ['shop'],
    });
    aws.setSecret('prod/orders', rdsSecret(careless));
    aws.setSecret('shared/ca', careless.ca ?? '');
    await configure({ policy: { loopback: 'network' } });
    await using _sessions = await openSessions(
      careless,
      SESSION_KINDS.map((kind) => ({ kind, role: 'app', database: 'shop', applicationName: kind })),
    );
    const { report } = await invoke();
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.findings.map(({ check, application, severity }) => [check, application, severity])).toEqual([
      ['plaintext-session', 'plaintext', 'high'],
      ['deprecated-tls-session', 'tlsv1', 'high'],
      ['deprecated-tls-session', 'tlsv1.1', 'high'],
      // The lab lets every suite in, those without authentication too.
      ['weak-ciphers-allowed', undefined, 'high'],
      ['deprecated-tls-allowed', undefined, 'medium'],
      ['plaintext-allowed', undefined, 'medium'],
      ['weak-cipher-session', 'tlsv1.2-weak-cipher', 'medium'],
      ['below-preferred-tls-session', 'tlsv1.2', 'info'],
      ['below-preferred-tls-session', 'tlsv1.2-weak-cipher', 'info'],
    ]);
    expect(report.targets[0]).toMatchObject({
      name: 'orders',
      verdict: 'findings',
      sessions: {
        total: 7,
        hidden: 0,
        byTransport: { tls: 5, 'unix-socket': 1, loopback: 1 },
        byTlsVersion: { TLSv1: 1, 'TLSv1.1': 1, 'TLSv1.2': 2, 'TLSv1.3': 1 },
      },
      link: { authorized: true, channelBinding: true, tlsVersion: 'TLSv1.3', roundTrips: 1 },
    });
    expect(aws.published).toHaveLength(1);
    const [message] = aws.published;
    const email = message === undefined ? '' : bodyFor(message, 'email');
    for (const client of ['plaintext', 'tlsv1', 'tlsv1.1']) {
      expect(email).toContain(`role "app", database "shop", application "${client}"`);
    }
    expect(email).toContain('hostssl all all all scram-sha-256');
    expect(email).toContain("ssl_min_protocol_version = 'TLSv1.2'");
    expect(email.replaceAll('\n', ' ')).toContain('policy.loopback is "network"');
  });

  test('that finds nothing to notify publishes nothing, and counts itself', async () => {
    await configure();
    await using _session = await openSession(server, { kind: 'tlsv1.3', role: 'app' });
    const run = await invoke();
    expect(run.report).toMatchObject({ targets: [{ verdict: 'clean' }], findings: [] });
    expect(aws.published).toEqual([]);
    expect(metricsOf(run)).toMatchObject({
      service: 'pg-tls-auditor',
      RunsCompleted: 1,
      TargetsAudited: 1,
      TargetsNotAudited: 0,
      FindingsHigh: 0,
    });
  });

  test('keeps the evidence in its log: each target as it was, each finding', async () => {
    await configure({ policy: { loopback: 'network' } });
    await using _session = await openSession(server, { kind: 'plaintext', role: 'boss' });
    const { log, report } = await invoke();
    const of = (message: string): unknown[] => log.filter((line) => line.message === message);
    expect(of('target')).toMatchObject([{ level: 'INFO', requestId: 'request-1', target: { name: 'orders' } }]);
    expect(of('finding')).toMatchObject(report.findings.map(({ fingerprint }) => ({ finding: { fingerprint } })));
    expect(report.findings).toMatchObject([
      { check: 'plaintext-session', severity: 'critical', role: 'boss' },
      { check: 'plaintext-allowed', severity: 'medium' },
    ]);
  });

  test('never calls a target clean that its login cannot see into', async () => {
    await configure();
    aws.setSecret('prod/orders', rdsSecret(server, 'blind'));
    await using _session = await openSession(server, { kind: 'plaintext', role: 'app' });
    const { report } = await invoke();
    expect(report.targets[0]?.verdict).toBe('unknown');
    expect(report.findings.map(({ check }) => check)).toEqual(['insufficient-privileges']);
    expect(aws.published).toHaveLength(1);
  });
});

describe('a bad target', () => {
  test('does not cost the good ones anything, and is reported', async () => {
    await using exclusion = await blackHole();
    const dead = await closedPort();
    const good = Array.from({ length: 12 }, (_, i) => ({ ...TARGET, name: `good-${i}` }));
    await configure({
      targets: [
        { ...TARGET, name: 'hole', port: exclusion.port, timeoutSeconds: 1 },
        { ...TARGET, name: 'dead', port: dead.port },
        { ...TARGET, name: 'no-secret', secret: 'prod/missing' },
        ...good,
      ],
    });
    const run = await invoke();
    expect(run.report.targets.map(({ name, verdict, error }) => [name, verdict, error?.cause])).toEqual([
      ['hole', 'not-audited', 'timed-out'],
      ['dead', 'not-audited', 'connection-refused'],
      ['no-secret', 'not-audited', 'secret-not-found'],
      ...good.map(({ name }) => [name, 'clean', undefined]),
    ]);
    expect(run.report.findings).toHaveLength(3);
    expect(metricsOf(run)).toMatchObject({ TargetsAudited: 12, TargetsNotAudited: 3, RunsCompleted: 1 });
    expect(aws.published[0]?.subject).toContain('3 not audited');
  });

  test('that comes to no turn in the time left is reported as not audited, never dropped', async () => {
    await using exclusion = await blackHole();
    await configure({
      concurrency: 1,
      targets: [
        { ...TARGET, name: 'hole', port: exclusion.port, timeoutSeconds: 60 },
        { ...TARGET, name: 'waiting' },
      ],
    });
    const { report } = await invoke(SCHEDULED, 1_600);
    expect(report.targets.map(({ name, verdict, error }) => [name, verdict, error?.cause, error?.phase])).toEqual([
      ['hole', 'not-audited', 'out-of-time', 'tls'],
      ['waiting', 'not-audited', 'out-of-time', 'waiting'],
    ]);
    expect(aws.published).toHaveLength(1);
  });
});

test.each([
  // 45 s for audits, and 15 s behind them.
  [24_001, false],
  [23_999, true],
])('with %i ms left at the turn of the last target, the report warns of it: %s', async (left, warns) => {
  await configure();
  const { report } = await invoke(SCHEDULED, 60_000, left);
  expect(report.warnings?.filter(({ id }) => id === 'nearly-out-of-time') ?? []).toEqual(
    warns
      ? [
          {
            id: 'nearly-out-of-time',
            message:
              'The turn of the last database came when 9 s of the 45 s for audits were left: with more databases, or more ' +
              'that do not answer, the last ones are not audited. Raise deployment.timeoutMinutes or concurrency, or set ' +
              'deployment.fleet.',
          },
        ]
      : [],
  );
  expect(report.targets).toMatchObject([{ verdict: 'clean' }]);
});

describe('by hand', () => {
  test('audits the targets named, in silence when asked to, and does not count as a run of all', async () => {
    await configure({ policy: { loopback: 'network' }, targets: [TARGET, { ...TARGET, name: 'billing' }] });
    await using _session = await openSession(server, { kind: 'plaintext', role: 'app' });
    const run = await invoke({ targets: ['billing'], notify: false });
    expect(run.report.targets.map(({ name }) => name)).toEqual(['billing']);
    expect(run.report.findings.map(({ check }) => check)).toEqual(['plaintext-session', 'plaintext-allowed']);
    expect(aws.published).toEqual([]);
    expect(metricsOf(run)).not.toHaveProperty('RunsCompleted');
    expect(metricsOf(run)).not.toHaveProperty('TargetsNotAudited');
  });

  test('sends a test message, clearly marked, beside the audit', async () => {
    await configure();
    const { report } = await invoke({ targets: ['orders'], notify: false, testAlert: true });
    expect(report.targets).toHaveLength(1);
    expect(aws.published).toHaveLength(1);
    const [message] = aws.published;
    expect(message?.subject).toContain('TEST');
    expect(message && bodyFor(message, 'email')).toMatch(/^TEST/);
    expect(message && JSON.parse(bodyFor(message, 'https'))).toMatchObject({ source: 'custom' });
  });

  test.each([[{ key1: 'value1' }], [null], [{ targets: ['nobody'] }]])(
    'refuses %j before anything is read or told',
    async (event) => {
      await configure();
      const { report: answer } = await invoke(event);
      expect(answer).toMatchObject({ refused: true, problem: expect.any(String), allowed: expect.any(String) });
      expect(aws.requests).toEqual([]);
    },
  );
});

describe('secrets', () => {
  test('are fetched many to a call', async () => {
    const names = Array.from({ length: 45 }, (_, i) => `prod/db-${i}`);
    for (const name of names) aws.setSecret(name, rdsSecret(server, 'tls_auditor'));
    await configure({ targets: names.map((secret, i) => ({ name: `db-${i}`, secret })) });
    const { report } = await invoke();
    expect(report.targets.every(({ verdict }) => verdict === 'clean')).toBe(true);
    expect(aws.count('BatchGetSecretValue')).toBe(3);
    expect(aws.count('GetSecretValue')).toBe(0);
  });

  test('known by reference only are read by the ARN that the deployment gives', async () => {
    aws.setSecret('MadeUp-1a2b', rdsSecret(server, 'tls_auditor'));
    vi.stubEnv('AUDITOR_SECRET_ARNS', JSON.stringify({ 'orders-credentials': aws.secretArn('MadeUp-1a2b') }));
    await configure({ targets: [{ name: 'orders', secret: 'orders-credentials' }] });
    const { report } = await invoke();
    expect(report.targets[0]?.verdict).toBe('clean');
  });

  test.each(['constructor', '__proto__', 'toString'])('may be named %s, like any other', async (name) => {
    aws.setSecret(name, rdsSecret(server, 'tls_auditor'));
    await configure({ targets: [{ name: 'orders', secret: name }] });
    expect((await invoke()).report.targets[0]?.verdict).toBe('clean');
  });

  test.each(['{broken canary-Xq7', 'null', '[]x'])(
    'with %j for their ARNs fail the run, and the text is not quoted',
    async (text) => {
      vi.stubEnv('AUDITOR_SECRET_ARNS', text);
      await configure();
      await expect(invoke()).rejects.toThrow(/^AUDITOR_SECRET_ARNS is not a JSON object/);
    },
  );

  test('survive throttling and a server error of Secrets Manager', async () => {
    aws.failNext('BatchGetSecretValue', { code: 'ThrottlingException' });
    aws.failNext('BatchGetSecretValue', { code: 'InternalServiceError', status: 500 });
    await configure();
    const { report } = await invoke();
    expect(report.targets[0]?.verdict).toBe('clean');
  });

  test('never come out: not in the log, the report, a message or an error', async () => {
    const canary = 'canary-Xq7!';
    const encoded = encodeURIComponent(canary);
    const { host, port } = server;
    aws.setSecret('c/wrong-password', JSON.stringify({ host, port, username: 'tls_auditor', password: canary }));
    aws.setSecret('c/url', `postgres://tls_auditor:${encoded}@${host}:${port}/postgres?sslmode=require&x=${encoded}`);
    aws.setSecret('c/broken-url', `postgres://tls_auditor:${canary}#@${host}:nope/postgres`);
    aws.setSecret('c/broken-json', `{"username": "tls_auditor", "password": "${canary}"`);
    aws.setSecret('c/wrong-type', JSON.stringify({ host, username: 'tls_auditor', password: { value: canary } }));
    aws.setSecret('c/not-a-secret', canary);
    aws.setSecret('c/bad-port', JSON.stringify({ host, port: canary, username: 'a', password: canary }));
    aws.setSecret('c/bundle-with-key', `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----`);
    aws.setSecret('c/mtls', JSON.stringify({ certificate: canary, privateKey: canary, passphrase: canary }));
    const names = ['wrong-password', 'url', 'broken-url', 'broken-json', 'wrong-type', 'not-a-secret', 'bad-port'];
    await configure({
      targets: [
        ...names.map((name) => ({ name, secret: `c/${name}` })),
        { ...TARGET, name: 'bundle', ca: { secret: 'c/bundle-with-key' } },
        { ...TARGET, name: 'mtls', clientCertificate: { secret: 'c/mtls' } },
      ],
    });
    const { report, output } = await invoke({ testAlert: true });
    expect(report.targets.filter(({ verdict }) => verdict !== 'not-audited')).toEqual([]);
    expect(aws.published).toHaveLength(2);
    for (const form of [
      canary,
      encoded,
      Buffer.from(canary).toString('base64'),
      server.connectionConfig('tls_auditor').password,
    ]) {
      expect(output).not.toContain(form);
    }
  });
});

describe('SNS', () => {
  const findSomething = async (): Promise<AsyncDisposable> => {
    await configure({ policy: { loopback: 'network' } });
    return openSession(server, { kind: 'plaintext', role: 'app' });
  };

  test('is asked again when it throttles or fails, and gets each message once', async () => {
    await using _session = await findSomething();
    aws.failNext('Publish', { code: 'Throttled', status: 429 });
    aws.failNext('Publish', { code: 'InternalError', status: 500 });
    aws.failNext('Publish', { network: 'reset' });
    await invoke();
    expect(aws.count('Publish')).toBe(4);
    expect(aws.published).toHaveLength(1);
  });

  test('that does not take the alert makes the run fail, without a metric', async () => {
    await using _session = await findSomething();
    aws.failNext('Publish', { code: 'AuthorizationError', status: 403 });
    await expect(invoke()).rejects.toThrow(
      `could not be published to ${aws.topicArn} (AuthorizationErrorException). Allow the function's role sns:Publish`,
    );
    const run = await invoke({ notify: false });
    expect(metricsOf(run)).not.toHaveProperty('RunsCompleted');
  });
});

test('hostile application names reach no message, log or report raw', async () => {
  await configure({ policy: { loopback: 'network' } });
  const names = [
    '\u001b[2J\u0007',
    'a\nSubject: x',
    '<!channel> <https://evil.example|x>',
    'x'.repeat(10_000),
    '🧑‍🚀'.repeat(30),
  ];
  await using _sessions = await openSessions(
    server,
    names.map((applicationName) => ({ kind: 'plaintext', role: 'app', applicationName })),
  );
  const { report, output } = await invoke();
  expect(report.findings.map(({ check }) => check)).toEqual([
    ...names.map(() => 'plaintext-session'),
    'plaintext-allowed',
  ]);
  const [message] = aws.published;
  const card = message === undefined ? '' : bodyFor(message, 'https');
  expect(output).not.toContain('<!channel>');
  expect(card).not.toContain('<!channel>');
  expect(card).not.toContain('https://evil.example');
  expect(message && bodyFor(message, 'email')).not.toMatch(/[^\P{Cc}\n]/u);
  expect(output).not.toContain('\u001b');
  for (const { application = '' } of report.findings) expect(application.length).toBeLessThanOrEqual(64);
});

describe('a configuration', () => {
  test('that is broken or missing is named by its file, and not quoted', async () => {
    await writeFile(join(folder, 'auditor.config.json'), '{"targets": [ canary-Xq7');
    await expect(invoke()).rejects.toThrow(/auditor\.config\.json is not JSON: look at line 1, column \d+/);
    vi.stubEnv('AUDITOR_CONFIG_FILE', join(folder, 'nowhere.json'));
    await expect(invoke()).rejects.toThrow(/nowhere\.json can't be read \(ENOENT\): deploy again/);
  });

  test('that is wrong fails the run with every problem, before anything is read', async () => {
    await configure({ targets: [{ name: 'a b', secret: 'x' }, { name: 'b' }] });
    await expect(invoke()).rejects.toThrow(/targets\[0\]\.name[\s\S]*targets\[1\]/);
    expect(aws.requests).toEqual([]);
  });

  test('that needs a file fails: the function has none', async () => {
    await configure({ targets: [{ ...TARGET, ca: { file: './ca.pem' } }] });
    await expect(invoke()).rejects.toThrow('works on the command line only');
  });
});
