// What the checks say of a PgBouncer: each of its settings, and what cannot be seen of it.

import { describe, expect, test } from 'vitest';
import { healthyPooler, healthySnapshot, POLICY, poolerSession, poolerSettings } from '../../lab/snapshots.ts';
import { describeGroup } from '../../lambda/analysis/sessions/session-groups.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import type { Outcome, Problem } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { PgBouncerSettings } from '../../lambda/model/pooler.ts';
import type { Evaluation } from '../../lambda/model/run.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

type Values = PgBouncerSettings['values'];

/** The outcomes of every check, in a run of this target alone. */
function evaluateAll(snapshot: Snapshot, policy: Policy = POLICY): Evaluation['outcomes'] {
  const run = [{ snapshot, ...evaluate(snapshot, policy) }];
  return evaluateFleet(run, policy, { coversAllTargets: true }).flatMap(({ outcomes }) => outcomes);
}

function outcome(check: string, snapshot: Snapshot, policy: Policy = POLICY): Outcome {
  const found = evaluateAll(snapshot, policy).find((one) => one.check === check)?.outcome;
  if (found === undefined) throw new Error(`no check ${check}`);
  return found;
}

function withValues(values: Values, overrides: Partial<PgBouncerSettings> = {}): Snapshot {
  return healthyPooler(undefined, { pooler: known(poolerSettings(values, overrides)) });
}

/** The problems that a check finds with those settings. */
function problems(check: string, values: Values, overrides?: Partial<PgBouncerSettings>): readonly Problem[] {
  const found = outcome(check, withValues(values, overrides));
  return found.status === 'fail' ? found.problems : [];
}

test('a sound PgBouncer is clean', () => {
  const { verdict, findings, outcomes } = evaluate(healthyPooler(), POLICY);
  expect(outcomes.filter(({ outcome: { status } }) => status === 'unknown' || status === 'error')).toEqual([]);
  expect(findings).toEqual([]);
  expect(verdict).toBe('clean');
});

test('with settings that could not be read, nothing that rests on them passes', () => {
  const snapshot = healthyPooler(undefined, { pooler: unknown('PgBouncer refuses SHOW CONFIG') });
  for (const check of [
    'tls-disabled',
    'plaintext-allowed',
    'deprecated-tls-allowed',
    'weak-ciphers-allowed',
    'weak-password-authentication',
    'insecure-outbound-link',
  ]) {
    expect(outcome(check, snapshot)).toEqual({ status: 'unknown', reason: 'PgBouncer refuses SHOW CONFIG' });
  }
  expect(evaluate(snapshot, POLICY).verdict).toBe('unknown');
});

test('whoever is in the console sees everything, so that no role is blind', () => {
  expect(outcome('insufficient-privileges', healthyPooler())).toMatchObject({ status: 'not-applicable' });
  const shared = healthyPooler(undefined, { visibility: unknown('so_reuseport is on') });
  expect(outcome('insufficient-privileges', shared)).toEqual({ status: 'unknown', reason: 'so_reuseport is on' });
  expect(outcome('plaintext-session', shared)).toEqual({ status: 'unknown', reason: 'so_reuseport is on' });
});

test('it has no standbys, even where one streams through it', () => {
  const standby = poolerSession('client', { kind: 'replication', database: undefined });
  expect(outcome('replica-not-covered', healthyPooler([standby]))).toMatchObject({ status: 'not-applicable' });
});

test('a PostgreSQL server is judged as before', () => {
  expect(outcome('insufficient-privileges', healthySnapshot())).toEqual({ status: 'pass' });
});

describe('client_tls_sslmode', () => {
  test.each(['require', 'verify-ca', 'verify-full'])('%s keeps plaintext out', (mode) => {
    const snapshot = withValues({ client_tls_sslmode: mode });
    expect(outcome('tls-disabled', snapshot)).toEqual({ status: 'pass' });
    expect(outcome('plaintext-allowed', snapshot)).toEqual({ status: 'pass' });
  });

  test('disable is critical, and told once', () => {
    const snapshot = withValues({ client_tls_sslmode: 'disable' });
    expect(outcome('tls-disabled', snapshot)).toMatchObject({ status: 'fail', problems: [{ severity: 'critical' }] });
    expect(outcome('plaintext-allowed', snapshot)).toMatchObject({ status: 'not-applicable' });
    expect(outcome('deprecated-tls-allowed', snapshot)).toMatchObject({ status: 'not-applicable' });
  });

  test.each(['allow', 'prefer', 'something-new'])('%s lets plaintext in', (mode) => {
    expect(problems('plaintext-allowed', { client_tls_sslmode: mode })).toMatchObject([
      { severity: 'medium', evidence: { client_tls_sslmode: mode } },
    ]);
  });

  test.each(['any', 'trust'])('allow is critical where auth_type is %s', (method) => {
    expect(problems('plaintext-allowed', { client_tls_sslmode: 'allow', auth_type: method })).toMatchObject([
      { severity: 'critical', evidence: { auth_type: method } },
    ]);
  });

  test('allow lets no client in where auth_type is cert', () => {
    const snapshot = withValues({ client_tls_sslmode: 'allow', auth_type: 'cert' });
    expect(outcome('plaintext-allowed', snapshot)).toEqual({ status: 'pass' });
  });

  test('allow with auth_type hba is unknown: the file may say hostssl', () => {
    const snapshot = withValues({ client_tls_sslmode: 'allow', auth_type: 'hba' });
    expect(outcome('plaintext-allowed', snapshot)).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('auth_hba_file'),
    });
  });

  test('is unknown where it is not shown', () => {
    const snapshot = withValues({ client_tls_sslmode: undefined });
    for (const check of ['tls-disabled', 'plaintext-allowed']) {
      expect(outcome(check, snapshot)).toMatchObject({
        status: 'unknown',
        reason: expect.stringContaining('client_tls_sslmode'),
      });
    }
  });

  test('a hostile value is never shown raw', () => {
    const [problem] = problems('plaintext-allowed', { client_tls_sslmode: '<!channel>\u001b[31m' });
    expect(JSON.stringify(problem)).not.toMatch(/<!channel>|\\u001b/);
  });
});

describe('a PgBouncer on loopback only', () => {
  const settings = { client_tls_sslmode: 'allow', auth_type: 'md5', client_tls_protocols: 'all' };
  const reachedAt = (remoteAddress: string, listen_addr = '127.0.0.1, ::1'): Snapshot => ({
    ...withValues({ ...settings, listen_addr }),
    networkPath: { remoteAddress, isDirect: true },
  });
  const checks = ['plaintext-allowed', 'weak-password-authentication', 'deprecated-tls-allowed'];

  test.each(checks)('has nothing to tell by %s', (check) => {
    expect(outcome(check, reachedAt('127.0.0.1'))).toMatchObject({ status: 'not-applicable' });
  });

  test.each(checks)('is judged by %s where loopback is a network', (check) => {
    const policy: Policy = { ...POLICY, loopback: 'network' };
    expect(outcome(check, reachedAt('127.0.0.1'), policy)).toMatchObject({ status: 'fail' });
  });

  test.each([
    ['was reached over a network all the same', '10.0.0.5', '127.0.0.1'],
    ['listens elsewhere too', '127.0.0.1', '127.0.0.1,10.0.0.5'],
    ['listens everywhere', '127.0.0.1', '*'],
    ['does not say where it listens', '127.0.0.1', ''],
  ])('is none if it %s', (_, remoteAddress, listens) => {
    expect(outcome('plaintext-allowed', reachedAt(remoteAddress, listens))).toMatchObject({ status: 'fail' });
  });
});

describe('client_tls_protocols', () => {
  test.each(['secure', 'default', '', 'tlsv1.2,tlsv1.3', 'TLSv1.3', 'all,!tlsv1.0,!tlsv1.1', '!tlsv1.0:!tlsv1.1'])(
    '%j allows nothing old',
    (protocols) => {
      expect(outcome('deprecated-tls-allowed', withValues({ client_tls_protocols: protocols }))).toEqual({
        status: 'pass',
      });
    },
  );

  test.each([
    ['all', 'TLSv1, TLSv1.1'],
    ['legacy', 'TLSv1, TLSv1.1'],
    ['tlsv1', 'TLSv1, TLSv1.1'],
    ['tlsv1.0', 'TLSv1'],
    ['tlsv1.1, tlsv1.2', 'TLSv1.1'],
    ['!tlsv1.0', 'TLSv1.1'],
  ])('%j allows %s', (protocols, allows) => {
    expect(problems('deprecated-tls-allowed', { client_tls_protocols: protocols })).toMatchObject([
      { severity: 'medium', evidence: { allows } },
    ]);
  });

  test('secure allows TLSv1.2, which a policy may forbid', () => {
    const found = outcome('deprecated-tls-allowed', healthyPooler(), { ...POLICY, minTlsVersion: 'TLSv1.3' });
    expect(found).toMatchObject({
      status: 'fail',
      problems: [{ evidence: { allows: 'TLSv1.2' }, remedy: expect.stringContaining('= tlsv1.3') }],
    });
  });

  test.each(['tlsv1.9', 'constructor', 'secure,'])('%j is not understood', (protocols) => {
    expect(outcome('deprecated-tls-allowed', withValues({ client_tls_protocols: protocols }))).toMatchObject({
      status: 'unknown',
    });
  });
});

describe('client_tls_ciphers and server_tls_ciphers', () => {
  test('are two things to fix', () => {
    const found = problems('weak-ciphers-allowed', { client_tls_ciphers: 'HIGH', server_tls_ciphers: 'HIGH' });
    expect(found).toMatchObject([
      {
        severity: 'low',
        subject: 'client_tls_ciphers',
        evidence: { weakness: expect.arrayContaining(['CBC mode', 'no forward secrecy']) },
        remedy: expect.stringContaining('client_tls_ciphers = ECDHE'),
      },
      { severity: 'low', subject: 'server_tls_ciphers', remedy: expect.stringContaining('server_tls_ciphers = ECDHE') },
    ]);
  });

  test.each(['default', 'secure', 'fast', 'normal', '', 'FAST'])(
    "%j leaves it to OpenSSL's default from 1.21 on",
    (word) => {
      expect(problems('weak-ciphers-allowed', { client_tls_ciphers: word }, { version: '1.21.0' })).toMatchObject([
        { subject: 'client_tls_ciphers', evidence: { standsFor: expect.stringContaining("OpenSSL's own default") } },
      ]);
    },
  );

  test.each(['default', 'secure', 'fast', 'normal', 'compat', 'legacy', 'all', 'insecure'])(
    '%j is a list of its own before 1.21, which admits weak suites',
    (word) => {
      const [problem] = problems('weak-ciphers-allowed', { client_tls_ciphers: word }, { version: '1.18.0' });
      expect(problem).toMatchObject({ evidence: { standsFor: expect.stringMatching(/^(HIGH|ALL)/) } });
    },
  );

  test('admit nothing where TLSv1.3 alone is allowed', () => {
    const values = { client_tls_ciphers: 'ALL', client_tls_protocols: 'tlsv1.3' };
    expect(outcome('weak-ciphers-allowed', withValues(values))).toEqual({ status: 'pass' });
  });

  test('are unknown where what they say is', () => {
    expect(outcome('weak-ciphers-allowed', withValues({ client_tls_ciphers: 'ECDHE+AESGCM:!WHATEVER' }))).toMatchObject(
      {
        status: 'unknown',
        reason: expect.stringContaining('WHATEVER'),
      },
    );
    expect(outcome('weak-ciphers-allowed', withValues({ server_tls_ciphers: undefined }))).toMatchObject({
      status: 'unknown',
    });
  });

  test('of a side without a network concern no client', () => {
    const values = { server_tls_ciphers: 'ALL' };
    const local = { databases: known([{ name: 'shop' }]) };
    const snapshot = healthyPooler([poolerSession('client')], { pooler: known(poolerSettings(values, local)) });
    expect(outcome('weak-ciphers-allowed', snapshot)).toEqual({ status: 'pass' });
  });

  test('for TLSv1.3 have a setting of their own from 1.25 on', () => {
    const tls13 = (list: string): readonly Problem[] =>
      problems('weak-ciphers-allowed', { client_tls13_ciphers: list });
    expect(tls13('TLS_AES_128_CCM_8_SHA256')).toMatchObject([{ subject: 'client_tls13_ciphers' }]);
    expect(tls13('TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256')).toEqual([]);
  });
});

describe('auth_type', () => {
  test.each(['scram-sha-256', 'cert'])('%s is strong', (method) => {
    expect(outcome('weak-password-authentication', withValues({ auth_type: method }))).toEqual({ status: 'pass' });
  });

  test.each([
    ['any', 'require', 'critical'],
    ['trust', 'require', 'critical'],
    ['md5', 'require', 'medium'],
    ['plain', 'require', 'low'],
    ['plain', 'allow', 'medium'],
    ['pam', 'allow', 'medium'],
    ['ldap', 'prefer', 'medium'],
  ])('%s with client_tls_sslmode %s is %s', (method, mode, severity) => {
    const values = { auth_type: method, client_tls_sslmode: mode };
    expect(problems('weak-password-authentication', values)).toMatchObject([
      { severity, evidence: { auth_type: method } },
    ]);
  });

  test.each(['pam', 'ldap'])('%s needs the password, and gets it by TLS only', (method) => {
    const snapshot = withValues({ auth_type: method, client_tls_sslmode: 'require' });
    expect(outcome('weak-password-authentication', snapshot)).toEqual({ status: 'pass' });
  });

  test.each(['hba', 'telepathy', undefined])('%s is unknown', (method) => {
    expect(outcome('weak-password-authentication', withValues({ auth_type: method }))).toMatchObject({
      status: 'unknown',
    });
  });
});

describe('server_tls_sslmode', () => {
  test.each([
    ['disable', 'high'],
    ['allow', 'high'],
    ['prefer', 'high'],
    ['require', 'medium'],
    ['verify-ca', 'medium'],
  ])('%s is %s', (mode, severity) => {
    expect(problems('insecure-outbound-link', { server_tls_sslmode: mode })).toMatchObject([
      {
        severity,
        subject: 'server_tls_sslmode',
        remedy: expect.stringMatching(/server_tls_sslmode = verify-full.*RELOAD.*RECONNECT/s),
      },
    ]);
  });

  test.each(['constructor', undefined])('%s is unknown', (mode) => {
    expect(outcome('insecure-outbound-link', withValues({ server_tls_sslmode: mode }))).toMatchObject({
      status: 'unknown',
    });
  });

  const reached = (hosts: readonly (string | undefined)[], sessions: readonly Session[] = []): Snapshot =>
    healthyPooler(sessions, {
      pooler: known(
        poolerSettings(
          { server_tls_sslmode: 'prefer' },
          { databases: known(hosts.map((host, index) => ({ name: `db${index}`, host }))) },
        ),
      ),
    });

  test.each([[[undefined]], [['/run/postgresql', 'localhost']], [['127.0.0.1,::1']], [[]]])(
    'prefer does no harm with servers at %j',
    (hosts) => {
      expect(outcome('insecure-outbound-link', reached(hosts))).toMatchObject({ status: 'not-applicable' });
    },
  );

  test.each([[['127.0.0.1', '10.0.2.5']], [['localhost,db2.example.com']], [['localhost.example.com']]])(
    'prefer does with servers at %j',
    (hosts) => {
      expect(outcome('insecure-outbound-link', reached(hosts))).toMatchObject({ status: 'fail' });
    },
  );

  test('prefer does where a connection over a network is open, whatever is listed', () => {
    const snapshot = reached([undefined], [poolerSession('server', { clientAddress: '10.0.2.5' })]);
    expect(outcome('insecure-outbound-link', snapshot)).toMatchObject({ status: 'fail' });
  });

  test('prefer is unknown where the databases are', () => {
    const databases = { databases: unknown('PgBouncer refuses SHOW DATABASES') };
    const snapshot = healthyPooler([], { pooler: known(poolerSettings({ server_tls_sslmode: 'prefer' }, databases)) });
    expect(outcome('insecure-outbound-link', snapshot)).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('SHOW DATABASES'),
    });
  });

  test('verify-full is sound wherever the servers are', () => {
    const databases = { databases: unknown('PgBouncer refuses SHOW DATABASES') };
    const snapshot = healthyPooler([], { pooler: known(poolerSettings({}, databases)) });
    expect(outcome('insecure-outbound-link', snapshot)).toEqual({ status: 'pass' });
  });

  test('old versions offered to servers are told, but not where it offers no TLS', () => {
    expect(problems('insecure-outbound-link', { server_tls_protocols: 'all' })).toMatchObject([
      { severity: 'medium', subject: 'server_tls_protocols', evidence: { allows: 'TLSv1, TLSv1.1' } },
    ]);
    const off = problems('insecure-outbound-link', { server_tls_protocols: 'all', server_tls_sslmode: 'disable' });
    expect(off.map(({ subject }) => subject)).toEqual(['server_tls_sslmode']);
  });
});

describe('what stands before it', () => {
  const linked = (serverView: unknown, isDirect: boolean): Snapshot => {
    const healthy = healthyPooler();
    if (!healthy.link.known) throw new Error('a healthy snapshot has a link');
    return {
      ...healthy,
      link: known({ ...healthy.link.value, serverView: serverView as typeof healthy.link.value.serverView }),
      networkPath: { remoteAddress: '10.0.0.5', isDirect },
    };
  };
  const same = known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' });

  test('is nothing where it sees our very socket', () => {
    expect(outcome('tls-terminated-by-proxy', linked(same, true))).toEqual({ status: 'pass' });
  });

  test('is not known where it sees the same TLS from another address', () => {
    expect(outcome('tls-terminated-by-proxy', linked(same, false))).toMatchObject({ status: 'unknown' });
  });

  test('is not known where it shows no row of ours', () => {
    expect(outcome('tls-terminated-by-proxy', linked(unknown('no row'), false))).toEqual({
      status: 'unknown',
      reason: 'no row',
    });
  });

  test.each([
    ['no TLS', known('not-tls')],
    ['TLSv1.2 with AES128-SHA', known({ tlsVersion: 'TLSv1.2', cipher: 'AES128-SHA' })],
  ])('ends TLS where it sees %s', (poolersView, view) => {
    expect(outcome('tls-terminated-by-proxy', linked(view, false))).toMatchObject({
      status: 'fail',
      problems: [{ evidence: { poolersView } }],
    });
  });
});

describe('sessions', () => {
  const plaintext = { transport: 'plaintext', tls: undefined } as const;

  test('of both sides alike in all else are two findings, each with the remedy of its side', () => {
    const both = (['client', 'server'] as const).map((side) => poolerSession(side, { ...plaintext, application: '' }));
    const { findings } = evaluate(healthyPooler(both), POLICY);
    expect(findings).toMatchObject([
      {
        title: 'Unencrypted session over the network, from a client to the pooler',
        clients: ['10.0.1.7'],
        remedy: expect.stringContaining('client_tls_sslmode = require'),
      },
      {
        title: 'Unencrypted session over the network, from the pooler to its server',
        clients: undefined,
        application: undefined,
        evidence: { servers: ['10.0.1.7'] },
        remedy: expect.stringContaining('server_tls_sslmode = verify-full'),
      },
    ]);
    expect(new Set(findings.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  });

  test('have on a PostgreSQL server another fingerprint than a pooler gives its connections there', () => {
    const pooled = evaluate(healthyPooler([poolerSession('server', plaintext)]), POLICY).findings;
    const plain = evaluate(
      healthySnapshot([{ ...poolerSession('client', plaintext), side: undefined }]),
      POLICY,
    ).findings;
    expect(pooled[0]?.fingerprint).not.toBe(plain[0]?.fingerprint);
  });

  test.each([
    ['client', {}, undefined],
    ['client', { kind: 'replication' }, 'replication'],
    ['server', {}, 'pool-server'],
    ['server', { kind: 'replication' }, 'replication pool-server'],
  ] as const)('of the %s side with %j are told apart by %j', (side, overrides, subject) => {
    const first = poolerSession(side, overrides);
    expect(describeGroup({ sessions: [first], first }).subject).toBe(subject);
  });

  test('of replication through it are critical, as anywhere', () => {
    const stream = poolerSession('client', { ...plaintext, kind: 'replication', database: undefined });
    expect(evaluate(healthyPooler([stream]), POLICY).findings).toMatchObject([
      { severity: 'critical', title: 'Unencrypted replication over the network, from a client to the pooler' },
    ]);
  });

  test.each([
    ['deprecated-tls-session', 'TLSv1', 'AES128-SHA', 'client_tls_protocols = secure'],
    ['weak-cipher-session', 'TLSv1.2', 'AES128-SHA', 'client_tls_ciphers = ECDHE'],
    ['below-preferred-tls-session', 'TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 'client_tls_protocols = tlsv1.3'],
  ])('that %s finds name the setting of the pooler', (check, version, cipher, setting) => {
    const { findings } = evaluate(healthyPooler([poolerSession('client', { tls: { version, cipher } })]), POLICY);
    expect(findings.find((finding) => finding.check === check)).toMatchObject({
      remedy: expect.stringContaining(setting),
    });
  });

  test('find in no remedy a setting of PostgreSQL that clients of a pooler have nothing to do with', () => {
    const tls = { version: 'TLSv1', cipher: 'AES128-SHA' };
    const sessions = [poolerSession('client', { tls }), poolerSession('client', plaintext)];
    for (const { remedy } of evaluate(healthyPooler(sessions), POLICY).findings) {
      expect(remedy).not.toMatch(/pg_hba|ALTER SYSTEM|rds/);
    }
  });
});

describe('client certificates', () => {
  const policy: Policy = { ...POLICY, clientCertificateRoles: ['app'] };

  test.each([
    ['verify-full', 'md5'],
    ['verify-ca', 'md5'],
    ['allow', 'cert'],
  ])('are demanded by client_tls_sslmode %s with auth_type %s', (client_tls_sslmode, auth_type) => {
    expect(outcome('missing-client-certificate', withValues({ client_tls_sslmode, auth_type }), policy)).toEqual({
      status: 'pass',
    });
  });

  test('are unknown elsewhere, where a role that needs one is connected', () => {
    expect(outcome('missing-client-certificate', healthyPooler(), policy)).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('client_tls_sslmode = verify-full'),
    });
    const others = { ...policy, clientCertificateRoles: ['admin_*'] };
    expect(outcome('missing-client-certificate', healthyPooler(), others)).toEqual({ status: 'pass' });
  });

  test('do not matter without a policy', () => {
    expect(outcome('missing-client-certificate', healthyPooler())).toMatchObject({ status: 'not-applicable' });
  });
});

test('every check says something of a pooler that failed, and none passes on its settings', () => {
  const unknownReason = unknown('the target was not audited');
  const snapshot = healthyPooler([], {
    pooler: unknownReason,
    sessions: unknownReason,
    visibility: unknownReason,
    link: unknownReason,
  });
  const outcomes = evaluateAll(snapshot);
  expect(outcomes).toHaveLength(CHECKS.length);
  expect(outcomes.filter(({ outcome: { status } }) => status === 'error')).toEqual([]);
});
