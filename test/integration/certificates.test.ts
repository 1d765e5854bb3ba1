// The checks of certificates against real servers: what they present, what vouches for it, and what clients show.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  daysFromNow,
  type IssuedCertificate,
  selfSigned,
} from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { recordingTlsProxy } from '../../lab/faulty-servers.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSessions } from '../../lab/sessions.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { caBundleExpiring } from '../../lambda/checks/ca-bundle-expiring.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { clientCertificateExpiring } from '../../lambda/checks/client-certificate-expiring.ts';
import { missingClientCertificate } from '../../lambda/checks/missing-client-certificate.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import { weakServerCertificate } from '../../lambda/checks/weak-server-certificate.ts';
import type { Outcome, Problem } from '../../lambda/model/finding.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const CERTIFICATE_CHECKS: readonly Check[] = [
  weakServerCertificate,
  serverCertificateExpiring,
  caBundleExpiring,
  clientCertificateExpiring,
];

/** A minute more than whole days, for the time that a test takes. */
const inDays = (days: number): Date => new Date(daysFromNow(days).getTime() + 60_000);

let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority({ name: 'Healthy Root', notAfter: daysFromNow(4000) });
});

/** The findings as `check severity certificate`, and the status of each check without findings. */
function resultsOf(snapshot: Snapshot): Readonly<Record<string, string | readonly string[]>> {
  return Object.fromEntries(
    CERTIFICATE_CHECKS.map((check) => {
      const outcome = check.evaluate(snapshot, POLICY);
      return [check.id, outcome.status === 'fail' ? outcome.problems.map(line) : outcome.status];
    }),
  );
}

function line({ severity, evidence }: Problem): string {
  return `${severity} ${evidence.certificate}`;
}

const HEALTHY = {
  'weak-server-certificate': 'pass',
  'server-certificate-expiring': 'pass',
  'ca-bundle-expiring': 'pass',
  'client-certificate-expiring': 'not-applicable',
} as const;

interface Presented {
  readonly certificate: IssuedCertificate;
  /** @default the root of what is presented */
  readonly ca?: string;
  readonly target?: Partial<Target>;
}

/** Audits a real server that presents that, and expects the audit to come through. */
async function audited({ certificate, ca = certificate.rootPem, target = {} }: Presented): Promise<Snapshot> {
  await using server = await startPostgres({ tls: { certificate } });
  const { snapshot } = await audit(target, { db: rdsSecret(server), ca });
  expect(snapshot.failure).toBeUndefined();
  return snapshot;
}

/** The same, of one that is refused for what it presents. */
async function refused(certificate: IssuedCertificate, target: Partial<Target> = {}): Promise<Snapshot> {
  await using server = await recordingTlsProxy({ certificate });
  const db = JSON.stringify({ host: server.host, port: server.port, username: 'u', password: 'p', dbname: 'd' });
  const { snapshot } = await audit(target, { db, ca: certificate.rootPem });
  expect(snapshot.failure).toBeDefined();
  return snapshot;
}

describe('the chain that a server presents', () => {
  test('with nothing wrong has no finding', async () => {
    expect(resultsOf(await audited({ certificate: await authority.issue({ notAfter: inDays(31) }) }))).toEqual(HEALTHY);
  });

  test.each([
    [30, 'medium'],
    [7, 'critical'],
  ] as const)('that ends in under %i days is %s', async (days, severity) => {
    const certificate = await authority.issue({ notAfter: daysFromNow(days) });
    expect(resultsOf(await audited({ certificate }))).toEqual({
      ...HEALTHY,
      'server-certificate-expiring': [`${severity} CN=localhost`],
    });
  });

  test('is checked with its intermediates, and each is reported once', async () => {
    const parent = await createAuthority({ name: 'Healthy Intermediate', parent: authority, notAfter: inDays(400) });
    const intermediate = await createAuthority({ name: 'Old Intermediate', parent, notAfter: inDays(10) });
    const certificate = await intermediate.issue({ notAfter: inDays(60) });
    // Also in the bundle, as some providers ship them: they are the chain's all the same.
    const ca = `${authority.rootPem}${parent.certificatePem}${intermediate.certificatePem}`;
    const snapshot = await audited({ certificate, ca });
    expect(knownValue(snapshot.serverChain).map(({ subject }) => subject)).toEqual([
      'CN=localhost',
      'CN=Old Intermediate',
      'CN=Healthy Intermediate',
      'CN=Healthy Root',
    ]);
    expect(resultsOf(snapshot)).toEqual({ ...HEALTHY, 'server-certificate-expiring': ['high CN=Old Intermediate'] });
  });

  test('ends in a root that is about to expire: the bundle’s finding, and no other', async () => {
    const dying = await createAuthority({ name: 'Dying Root', notAfter: inDays(5) });
    const certificate = await dying.issue({ notAfter: inDays(60) });
    const snapshot = await audited({ certificate, ca: `${authority.rootPem}${dying.rootPem}` });
    expect(resultsOf(snapshot)).toEqual({ ...HEALTHY, 'ca-bundle-expiring': ['critical CN=Dying Root'] });
  });

  test('needs one root of a bundle whose others are old: information on each', async () => {
    const retired = await createAuthority({ name: 'Retired Root', notAfter: daysFromNow(-300) });
    const tired = await createAuthority({ name: 'Tired Root', notAfter: inDays(3) });
    const certificate = await authority.issue({ notAfter: inDays(60) });
    const ca = `${retired.rootPem}${authority.rootPem}${tired.rootPem}${retired.rootPem}`;
    expect(resultsOf(await audited({ certificate, ca }))).toEqual({
      ...HEALTHY,
      'ca-bundle-expiring': ['info CN=Retired Root', 'info CN=Tired Root'],
    });
  });

  test('is its own root where the bundle holds the server’s own certificate: reported once', async () => {
    const certificate = await selfSigned({ notAfter: inDays(6) });
    expect(resultsOf(await audited({ certificate }))).toEqual({
      ...HEALTHY,
      'server-certificate-expiring': ['critical CN=localhost'],
    });
  });

  test('ends in the system’s or the bundle’s roots, where both are trusted', async () => {
    const certificate = await authority.issue({ notAfter: inDays(60) });
    const snapshot = await audited({ certificate, target: { ca: ['system', { secret: 'ca' }] } });
    expect(resultsOf(snapshot)).toEqual(HEALTHY);
  });
});

describe('a weak certificate', () => {
  const NO_NAMES: CertificateOptions = { dnsNames: [], ipAddresses: [], commonName: 'localhost' };

  test.each(['rsa-2048', 'ed25519'] as const)('is none with a key of %s', async (keyType) => {
    const certificate = await authority.issue({ keyType, notAfter: inDays(60) });
    expect(resultsOf(await audited({ certificate }))).toEqual(HEALTHY);
  });

  test('without subjectAltName gets through by its subject, and is found', async () => {
    const certificate = await authority.issue({ ...NO_NAMES, notAfter: inDays(60) });
    const snapshot = await audited({ certificate, target: { host: 'localhost' } });
    expect(resultsOf(snapshot)).toEqual({ ...HEALTHY, 'weak-server-certificate': ['medium CN=localhost'] });
  });

  test.each([
    ['a weak key', { keyType: 'rsa-1024' }, 'certificate-rejected', {}],
    ['a SHA-1 signature', { hash: 'SHA-1' }, 'certificate-rejected', {}],
    ['no name at all for the address', NO_NAMES, 'certificate-wrong-host', { host: '127.0.0.1' }],
  ] as const)(
    'that is refused for %s is reported once, by target-not-audited',
    async (_what, options, cause, target) => {
      const snapshot = await refused(await authority.issue({ ...options, notAfter: inDays(60) }), target);
      expect(snapshot.failure?.cause).toBe(cause);
      expect(resultsOf(snapshot)).toMatchObject({ 'weak-server-certificate': 'not-applicable' });
    },
  );

  test('that is refused for another reason is still checked', async () => {
    const certificate = await authority.issue({ clientAuth: true, ipAddresses: ['127.0.0.1'] });
    const snapshot = await refused(certificate);
    expect(snapshot.failure?.cause).toBe('certificate-rejected');
    expect(resultsOf(snapshot)).toMatchObject({ 'weak-server-certificate': 'pass' });
  });
});

describeEachMajor((major) => {
  let server: PostgresServer;
  let certificate: IssuedCertificate;

  beforeAll(async () => {
    certificate = await authority.issue({
      dnsNames: ['localhost', 'orders.c1a2b3.eu-west-1.rds.amazonaws.com'],
      ipAddresses: ['127.0.0.1'],
      notAfter: inDays(60),
    });
    server = await startPostgres({
      major,
      tls: { certificate, clientCa: authority.rootPem },
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'app_ledger' },
        { name: 'report' },
        { name: 'rdsadmin', attributes: 'SUPERUSER' },
      ],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  async function snapshotOf(
    target: Partial<Target> = {},
    secrets: Readonly<Record<string, string>> = {},
  ): Promise<Snapshot> {
    const { snapshot } = await audit(target, { db: rdsSecret(server), ca: certificate.rootPem, ...secrets });
    expect(snapshot.failure).toBeUndefined();
    return snapshot;
  }

  const sessionsOf = (check: Check, snapshot: Snapshot, policy: Partial<Policy>): Outcome =>
    check.evaluate(snapshot, { ...POLICY, ...policy });

  test('finds the sessions of named roles that showed no client certificate, and only those', async () => {
    const clientCertificate = await authority.issue({ clientAuth: true, commonName: 'app_ledger' });
    await using _sessions = await openSessions(server, [
      { kind: 'tlsv1.3', role: 'app_ledger', applicationName: 'mutual', clientCertificate },
      { kind: 'tlsv1.2', role: 'app_ledger', applicationName: 'mutual', clientCertificate },
      { kind: 'tlsv1.3', role: 'app_ledger', applicationName: 'password alone' },
      { kind: 'unix-socket', role: 'app_ledger', applicationName: 'socket' },
      { kind: 'plaintext', role: 'app_ledger', applicationName: 'plaintext' },
      { kind: 'tlsv1.3', role: 'report', applicationName: 'of another role' },
    ]);
    const snapshot = await snapshotOf();
    expect(knownValue(snapshot.sessions).visible).toHaveLength(6);
    const outcome = sessionsOf(missingClientCertificate, snapshot, { clientCertificateRoles: ['app_*'] });
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ role: 'app_ledger', application: 'password alone' }],
    });
    expect(outcome.status === 'fail' && outcome.problems).toHaveLength(1);
    expect(sessionsOf(missingClientCertificate, snapshot, { clientCertificateRoles: ['ledger'] }).status).toBe('pass');
  });

  test('is content when every session of such roles showed one', async () => {
    const clientCertificate = await authority.issue({ clientAuth: true, commonName: 'app_ledger' });
    await using _sessions = await openSessions(server, [{ kind: 'tlsv1.3', role: 'app_ledger', clientCertificate }]);
    const outcome = sessionsOf(missingClientCertificate, await snapshotOf(), { clientCertificateRoles: ['*'] });
    expect(outcome).toEqual({ status: 'pass' });
  });

  test('judges the certificate that the auditor itself shows', async () => {
    const own = await authority.issue({ clientAuth: true, commonName: 'tls_auditor', notAfter: inDays(10) });
    const snapshot = await snapshotOf(
      { clientCertificate: { secret: 'own' } },
      { own: `${own.chainPem}${own.keyPem}` },
    );
    expect(resultsOf(snapshot)).toEqual({ ...HEALTHY, 'client-certificate-expiring': ['high CN=tls_auditor'] });
  });

  test('takes a provider’s role for the provider’s where its name is proven, and for an ordinary role elsewhere', async () => {
    await using _sessions = await openSessions(server, [{ kind: 'plaintext', role: 'rdsadmin' }]);
    const severities = async (target: Partial<Target>): Promise<readonly string[]> => {
      const outcome = sessionsOf(plaintextSession, await snapshotOf(target), { loopback: 'network' });
      return outcome.status === 'fail' ? outcome.problems.map(({ severity }) => severity) : [];
    };
    expect(await severities({ tlsServerName: 'orders.c1a2b3.eu-west-1.rds.amazonaws.com' })).toEqual(['info']);
    await server.adminQuery('ALTER DATABASE postgres SET "rds.force_ssl" = 1');
    expect(await severities({})).toEqual(['critical']);
  });
});
