import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { renderTable } from '../../bin/command-line/terminal/table.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { badNight, finding, healthyReport, healthyTarget, notAuditedTarget } from '../report/builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../report/hostile.ts';
import { decided, eventfulNight, MUTE, muteUse, night } from '../report/lifecycle-cases.ts';

const plain = (report: Report, columns = 100) => renderTable(report, { columns, colour: false });
const lastLine = (report: Report) => plain(report, 200).trimEnd().split('\n').at(-1);

describe('renderTable', () => {
  test('shows every target, then the findings, worst first, then the verdict in words', () => {
    expect(plain(badNight())).toMatchInlineSnapshot(`
      "Target   Host                    Verdict        TLS  Sessions  Plaintext  Deprecated  Worst
      orders   orders.db.example.com   x findings     1.3        61         13           4  critical
      crm      crm.db.example.com      ? unknown      1.3     1+17?        0+?         0+?  high
      ledger   ledger.db.example.com   ! not audited  ?           ?          ?           ?  critical
      billing  billing.db.example.com  + clean        1.3        42          0           0  none
      ? means: could not be observed.

      CRITICAL: The database could not be audited (target-not-audited)
        - ledger: cause: certificate-expired; what: The certificate of ledger.db.example.com:5432 expired
          on 2026-11-07T00:00:00Z; fingerprint 00000000000000ff
        Fix: Renew the server certificate and reload PostgreSQL (select pg_reload_conf()).

      CRITICAL: Unencrypted session of a superuser (plaintext-session)
        - orders: role "postgres", database "shop", application "psql"; 1 session from 203.0.113.9; oldest
          session: 2026-11-09 22:10 UTC; fingerprint 00000000000000a1
        Fix: Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf:
             hostssl all all all scram-sha-256

      HIGH: The auditor's login cannot see other roles' sessions (insufficient-privileges)
        - crm: role "tls_auditor"; hidden sessions: 17; fingerprint 00000000000000fe
        Fix: GRANT pg_monitor TO tls_auditor;

      HIGH: Unencrypted session over the network (plaintext-session)
        - orders: role "app", database "shop", application "checkout"; 12 sessions from 10.0.1.7 and
          10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint 00000000000000b1
        Fix: As for plaintext-session above.

      HIGH: Session with deprecated TLS (deprecated-tls-session)
        - orders: role "legacy", database "shop", application "DBeaver 5.0 - Main"; 1 session from
          10.9.0.0/24; TLS version: TLSv1.1; oldest session: 2026-11-10 05:58 UTC; fingerprint
          00000000000000a3
        - orders: role "report", database "shop", application (none); 3 sessions from 10.0.1.7 and
          10.0.1.9; TLS version: TLSv1; oldest session: 2026-11-10 02:00 UTC; fingerprint 00000000000000a2
        Fix: Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.

      INFO: Session with TLSv1.2 (below-preferred-tls-session)
        - orders: role "app", database "shop", application "checkout"; 12 sessions from 10.0.1.7 and
          10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint 00000000000000b2
        Fix: Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf:
             hostssl all all all scram-sha-256

      The auditor's own connections:
        - orders: TLSv1.3 with TLS_AES_256_GCM_SHA384; verified for orders.db.example.com; certificate
          until 2027-06-01 00:00 UTC; login bound to the channel; TCP 0.4 ms, TLS handshake 4.1 ms, login
          9.3 ms, queries 6.2 ms in 1 round trip
        - crm: TLSv1.3 with TLS_AES_256_GCM_SHA384; verified for crm.db.example.com; certificate until
          2027-06-01 00:00 UTC; login bound to the channel; TCP 0.4 ms, TLS handshake 4.1 ms, login 9.3
          ms, queries 6.2 ms in 1 round trip
        - billing: TLSv1.3 with TLS_AES_256_GCM_SHA384; verified for billing.db.example.com; certificate
          until 2027-06-01 00:00 UTC; login bound to the channel; TCP 0.4 ms, TLS handshake 4.1 ms, login
          9.3 ms, queries 6.2 ms in 1 round trip

      Run of 2026-11-10 06:15 UTC. Result for 4 databases: 1 clean, 1 with findings, 1 partly audited, 1
      not audited.
      Verdict: incomplete, not everything could be observed; 7 findings (2 critical, 4 high, 1 info).
      "
    `);
  });

  test('says since when, and what is muted, over, or not seen, where runs remember', () => {
    const { report } = eventfulNight();
    expect(plain(report).split('\n\n').slice(1).join('\n\n')).toMatchInlineSnapshot(`
      "CRITICAL: A server certificate expires in 6 days (server-certificate-expiring)
        - billing: WORSE (was high); subject: CN=billing.db.example.com; not after: 2026-11-16 12:00 UTC;
          since 2026-10-03 21:40 UTC; fingerprint a1b2c3d4e5f60001
        Fix: Renew the certificate, then reload: SELECT pg_reload_conf();

      HIGH: Unencrypted session over the network (plaintext-session)
        - orders: NEW; role "analyst", database "shop", application "psql"; 1 session from 10.0.7.21;
          oldest session: 2026-11-09 22:10 UTC; fingerprint a1b2c3d4e5f60002
        - orders: STILL THERE since 2026-11-09 06:15 UTC; role "app", database "shop", application
          "checkout"; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC;
          fingerprint a1b2c3d4e5f60004
        - orders: MUTE EXPIRED; role "batch", database "shop", application "legacy-batch"; 4 sessions from
          10.0.3.0/24; oldest session: 2026-11-09 22:10 UTC; was muted until 2026-11-10 00:00 UTC by
          payments team: batch job is replaced in December; since 2026-10-03 21:40 UTC; fingerprint
          a1b2c3d4e5f60003
        Fix: Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf:
             hostssl all all all scram-sha-256

      HIGH: Session with deprecated TLS (deprecated-tls-session)
        - billing: STILL THERE since 2026-11-09 06:15 UTC; role "app", database "shop", application
          "checkout"; 12 sessions from 10.0.1.7 and 10.0.1.9; TLS version: TLSv1; oldest session:
          2026-11-10 02:00 UTC; fingerprint a1b2c3d4e5f60006
        - orders: NEW; role "report", database "shop", application (none); 3 sessions from 10.0.1.7 and
          10.0.1.9; TLS version: TLSv1; oldest session: 2026-11-10 02:00 UTC; first seen 2026-10-03 21:40
          UTC, absent in between; fingerprint a1b2c3d4e5f60005
        Fix: Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.

      Still open, though this run did not see it:
        - crm: STILL OPEN since 2026-11-09 06:15 UTC; Unencrypted session over the network (high); role
          "app", database "shop", application "checkout"; last seen 2026-11-09 06:15 UTC, not seen by this
          run; fingerprint a1b2c3d4e5f60007

      Resolved:
        - billing: Unencrypted session over the network (was high); role "app", database "shop",
          application "nightly"; resolved: this run looked for it and did not find it; seen from
          2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC
        - old-crm: The server accepts plaintext from the network (was medium); closed, not proven fixed:
          the configuration no longer has this target; seen from 2026-10-03 21:40 UTC to 2026-11-09 06:15
          UTC

      Muted: 1 finding (1 high).
      Expired mute: check "plaintext-session", target "orders", application "legacy-*" (payments team,
        until 2026-11-10 00:00 UTC: batch job is replaced in December)
      Mute that has matched nothing since 2026-10-05 00:00 UTC: role "old_*" (dba, until 2027-03-01 00:00
        UTC: moves soon)

      The auditor's own connections:
        - orders: TLSv1.3 with TLS_AES_256_GCM_SHA384; verified for orders.db.example.com; certificate
          until 2027-06-01 00:00 UTC; login bound to the channel; TCP 0.4 ms, TLS handshake 4.1 ms, login
          9.3 ms, queries 6.2 ms in 1 round trip
        - billing: TLSv1.3 with TLS_AES_256_GCM_SHA384; verified for orders.db.example.com; certificate
          until 2027-06-01 00:00 UTC; login bound to the channel; TCP 0.4 ms, TLS handshake 4.1 ms, login
          9.3 ms, queries 6.2 ms in 1 round trip

      Run of 2026-11-10 06:15 UTC. Result for 3 databases: 2 with findings, 1 not audited.
      Verdict: incomplete, not everything could be observed; 6 findings (1 critical, 5 high), 1 muted.
      "
    `);
  });

  test('calls nothing clear that is only muted', () => {
    const { report } = night([decided('muted', {}, { mute: MUTE })]);
    expect(lastLine(report)).toBe('Verdict: 1 finding, muted.');
    expect(plain(report)).toMatch(/x findings .* muted\n/);
    expect(plain(report)).not.toContain('HIGH');
  });

  test('says of a target that was not fully seen what could not be seen, each reason once, and what it keeps from judging', () => {
    const reason = 'the login may not read pg_hba.conf: GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor';
    const target = healthyTarget({
      name: 'crm',
      verdict: 'unknown',
      checks: [
        { id: 'plaintext-session', status: 'pass' },
        { id: 'plaintext-allowed', status: 'unknown', reason },
        { id: 'weak-password-authentication', status: 'unknown', reason },
        { id: 'replica-not-covered', status: 'not-applicable', reason: 'only some of the targets were audited' },
        { id: 'insecure-outbound-link', status: 'fail', reason: 'two subscriptions could not be read' },
      ],
    });
    const [, carriedOver] = plain(healthyReport({ targets: [target, notAuditedTarget('ledger')] }), 100).split('\n\n');
    expect(carriedOver).toMatchInlineSnapshot(`
      "NOT VERIFIED:
        - crm: the login may not read pg_hba.conf: GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO
          tls_auditor (plaintext-allowed and weak-password-authentication)
        - crm: two subscriptions could not be read (insecure-outbound-link)"
    `);
  });

  test('is a list where a table would break', () => {
    expect(plain(badNight(), 60).split('\n\n')[0]).toMatchInlineSnapshot(`
      "x findings  orders
        orders.db.example.com
        TLS 1.3, 61 sessions
        plaintext 13, deprecated 4, worst critical
      ? unknown  crm
        crm.db.example.com
        TLS 1.3, 1+17? sessions
        plaintext 0+?, deprecated 0+?, worst high
      ! not audited  ledger
        ledger.db.example.com
        TLS ?, ? sessions
        plaintext ?, deprecated ?, worst critical
      + clean  billing
        billing.db.example.com
        TLS 1.3, 42 sessions
        plaintext 0, deprecated 0, worst none
      ? means: could not be observed."
    `);
  });

  test('fits every width from 60 to 200 columns', () => {
    const long = healthyTarget({
      name: 'n'.repeat(63),
      host: 'orders.cluster-c0abcdefghij.eu-west-1.rds.amazonaws.com',
      port: 6_432,
      sessions: {
        total: 50_000,
        hidden: 12_345,
        byTransport: { tls: 0, gss: 0, 'unix-socket': 0, loopback: 0, plaintext: 50_000 },
        byTlsVersion: {},
      },
    });
    for (const report of [badNight(), eventfulNight().report])
      for (const targets of [report.targets, [...report.targets, long]]) {
        for (let columns = 60; columns <= 200; columns += 1) {
          for (const line of plain({ ...report, targets }, columns).split('\n')) {
            expect(line.length, `${columns}: ${line}`).toBeLessThanOrEqual(columns);
          }
        }
      }
  });

  test('adds colours only when told, and says the same without', () => {
    const report = badNight();
    const coloured = renderTable(report, { columns: 100, colour: true });
    expect(coloured).not.toBe(plain(report));
    expect(stripVTControlCharacters(coloured)).toBe(plain(report));
  });

  test('counts sessions below the minimum as deprecated, and loopback as plaintext where policy says so', () => {
    const sessions = {
      total: 20,
      hidden: 0,
      byTransport: { tls: 12, gss: 0, 'unix-socket': 1, loopback: 4, plaintext: 3 },
      byTlsVersion: { TLSv1: 1, 'TLSv1.1': 4, 'TLSv1.2': 2, 'TLSv1.3': 5 },
    };
    const report = healthyReport({ targets: [healthyTarget({ sessions })] });
    const network = { ...report, policy: { ...report.policy, loopback: 'network' as const } };
    expect(plain(report).split('\n')[1]).toMatch(/ 20 +3 \(\+4 loopback\) +5 /);
    expect(plain(network).split('\n')[1]).toMatch(/ 20 +7 +5 /);
  });

  test.each([
    ['all clear only when every target was seen and clean', healthyReport(), 'Verdict: all clear.'],
    [
      'not audited',
      healthyReport({ targets: [healthyTarget(), notAuditedTarget()] }),
      'Verdict: incomplete, not everything could be observed.',
    ],
    [
      'unknown',
      healthyReport({ targets: [healthyTarget({ verdict: 'unknown' })] }),
      'Verdict: incomplete, not everything could be observed.',
    ],
    ['no target at all', healthyReport({ targets: [] }), 'Verdict: nothing was audited.'],
    [
      'findings',
      healthyReport({ targets: [healthyTarget({ verdict: 'findings' })], findings: [finding()] }),
      'Verdict: 1 finding (1 high).',
    ],
    [
      'findings of a target that calls itself clean',
      healthyReport({ findings: [finding()] }),
      'Verdict: 1 finding (1 high).',
    ],
  ])('ends with the verdict: %s', (_what, report, verdict) => {
    expect(lastLine(report)).toBe(verdict);
  });

  test('never shows 0 for what it could not see', () => {
    const hidden = healthyTarget({
      verdict: 'unknown',
      sessions: {
        total: 0,
        hidden: 9,
        byTransport: { tls: 0, gss: 0, 'unix-socket': 0, loopback: 0, plaintext: 0 },
        byTlsVersion: {},
      },
    });
    const table = plain(healthyReport({ targets: [hidden, notAuditedTarget()] }));
    expect(table).toMatch(/\? unknown +1\.3 +0\+9\? +0\+\? +0\+\? +\?/);
    expect(table).toMatch(/! not audited +\? +\? +\? +\? +\?/);
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const report = healthyReport({
      targets: [healthyTarget({ name, host: name })],
      findings: [finding({ target: name, role: name, application: name, evidence: { clientDn: name } })],
    });
    const table = plain(report);
    expect(table.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(table.split('\n').length).toBeLessThan(25);
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly where it is muted, over or not seen', (_what, name) => {
    const mute = { ...MUTE, match: { role: name }, owner: name, reason: name };
    const { report } = night(
      [
        decided('muted', { role: name }, { mute }),
        decided('ongoing', { role: name, title: name }, { isObserved: false }),
        decided('resolved', { role: name, title: name }, { detail: name }),
      ],
      { mutes: [muteUse({ mute, expired: true })] },
    );
    expect(plain(report).replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(plain(report).split('\n').length).toBeLessThan(35);
  });
});
