import { describe, expect, test } from 'vitest';
import { renderEmail } from '../../../lambda/report/messages/email.ts';
import { badNight, digestOf, finding, healthyReport, healthyTarget, notAuditedTarget } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { decided, digestOfNight, muteUse, night } from '../lifecycle-cases.ts';

describe('renderEmail', () => {
  test('reads well at night', () => {
    expect(renderEmail(digestOf(badNight()))).toMatchInlineSnapshot(`
      "6 findings on ledger, orders and crm: 2 critical, 4 high.

      NOT AUDITED: ledger (certificate-expired). We could not look inside it,
      so the findings below say nothing about it.

      PARTLY AUDITED: crm. There may be more findings than the ones below.

      ========================
      CRITICAL: The database could not be audited
      (target-not-audited)

      - ledger
        cause: certificate-expired
        what: The certificate of ledger.db.example.com:5432 expired on
          2026-11-07T00:00:00Z
        fingerprint: 00000000000000ff

      How to fix:
        Renew the server certificate and reload PostgreSQL (select
        pg_reload_conf()).

      ========================
      CRITICAL: Unencrypted session of a superuser
      (plaintext-session)

      - orders
        role "postgres", database "shop", application "psql"
        1 session from 203.0.113.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: 00000000000000a1

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      HIGH: The auditor's login cannot see other roles' sessions
      (insufficient-privileges)

      - crm
        role "tls_auditor"
        hidden sessions: 17
        fingerprint: 00000000000000fe

      How to fix:
        GRANT pg_monitor TO tls_auditor;

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session)

      - orders
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: 00000000000000b1

      How to fix:
        As for plaintext-session above.

      ========================
      HIGH: Session with deprecated TLS
      (deprecated-tls-session, 2 findings)

      - orders
        role "legacy", database "shop", application "DBeaver 5.0 - Main"
        1 session from 10.9.0.0/24
        TLS version: TLSv1.1
        oldest session: 2026-11-10 05:58 UTC
        fingerprint: 00000000000000a3

      - orders
        role "report", database "shop", application (none)
        3 sessions from 10.0.1.7 and 10.0.1.9
        TLS version: TLSv1
        oldest session: 2026-11-10 02:00 UTC
        fingerprint: 00000000000000a2

      How to fix:
        Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the
        server.

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 4 databases: 1 clean, 1 with findings, 1 partly audited, 1
      not audited.
      Findings not listed: 1 below alerts.minSeverity (low).

      No state is configured, so runs are not compared. This alert is sent
      after every run until the findings are fixed.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `);
  });

  test('tells a remedy once for all findings that share it', () => {
    const findings = Array.from({ length: 50 }, (_, index) => finding({ role: `app_${index}` }));
    const email = renderEmail(digestOf(healthyReport({ findings })));
    expect(email.match(/sslmode=verify-full/g)).toHaveLength(1);
    expect(email.match(/role "app_\d+"/g)).toHaveLength(50);
    expect(email).toContain('(plaintext-session, 50 findings)');
  });

  test('gives each finding its own title where they differ, and each remedy its findings', () => {
    const findings = [
      finding({ title: 'CN=a expires in 3 days', remedy: 'Renew a.' }),
      finding({ title: 'CN=b expires in 5 days', remedy: 'Renew the others.' }),
      finding({ title: 'CN=c expires in 6 days', remedy: 'Renew the others.' }),
    ];
    const email = renderEmail(digestOf(healthyReport({ findings })));
    expect(email).toContain('HIGH: CN=a expires in 3 days');
    expect(email).toContain('- orders\n  CN=b expires in 5 days\n');
    expect(email.match(/Renew the others/g)).toHaveLength(1);
  });

  test('keeps the lines of a remedy and the links to documentation in it, and no other link', () => {
    const remedy = 'Run:\n  ALTER SYSTEM SET ssl = on;\nSee https://www.postgresql.org/docs/ and https://evil.example/';
    const email = renderEmail(digestOf(healthyReport({ findings: [finding({ remedy })] })));
    expect(email).toContain(
      '  Run:\n    ALTER SYSTEM SET ssl = on;\n  See https://www.postgresql.org/docs/ and https[:]//evil.example/',
    );
  });

  test('says so when loopback is judged like a network', () => {
    const report = healthyReport({ findings: [finding()] });
    const network = { ...report, policy: { ...report.policy, loopback: 'network' as const } };
    expect(renderEmail(digestOf(report))).not.toContain('oopback');
    expect(renderEmail(digestOf(network)).replaceAll('\n', ' ')).toContain(
      'Loopback sessions count as network sessions',
    );
  });

  test('names what was not audited even when its finding is below the threshold', () => {
    const report = healthyReport({
      targets: [healthyTarget({ verdict: 'findings' }), notAuditedTarget('ledger')],
      findings: [finding({ severity: 'critical' }), finding({ target: 'ledger', check: 'target-not-audited' })],
    });
    const email = renderEmail(digestOf(report, 'critical'));
    expect(email).toContain('NOT AUDITED: ledger (certificate-expired).');
    expect(email).toContain('Findings not listed: 1 below alerts.minSeverity (critical).');
  });

  test('leaves out whole findings from the bottom and counts them', () => {
    const findings = [
      finding({ severity: 'critical', role: 'first' }),
      finding({ severity: 'high', role: 'second' }),
      finding({ severity: 'high', role: 'third' }),
      finding({ severity: 'medium', role: 'fourth' }),
    ];
    const email = renderEmail(digestOf(healthyReport({ findings })), 2);
    expect(email).toContain('role "second"');
    expect(email).not.toContain('role "third"');
    expect(email).toContain('2 more findings left out: 1 high, 1 medium.');
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const hostile = finding({
      role: name,
      database: name,
      application: name,
      evidence: { clientDn: name, names: [name] },
    });
    const email = renderEmail(digestOf(healthyReport({ findings: [hostile] })));
    expect(email.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(email).not.toContain('://');
    expect(email.length).toBeLessThan(2_500);
    // No name can pretend to be a line of ours.
    expect(email.match(/^How to fix:/gm)).toHaveLength(1);
  });

  test('leaves out what is over before what is there', () => {
    const findings = [decided('new', { role: 'first' }), decided('resolved'), decided('resolved')];
    const digest = digestOfNight(night(findings));
    expect(renderEmail(digest, 2)).toContain('1 resolved left out.');
    expect(renderEmail(digest, 2)).toContain('RESOLVED\n\n- orders');
    expect(renderEmail(digest, 1)).toContain('2 resolved left out.');
    expect(renderEmail(digest, 1)).not.toContain('RESOLVED\n');
    expect(renderEmail(digest, 0)).toContain('1 more finding left out: 1 high; 2 resolved left out.');
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly at every turn', (_what, name) => {
    const mute = { match: { role: name }, reason: name, owner: name, expires: '2026-11-01T00:00:00.000Z' };
    const run = night(
      [
        decided('mute-expired', { role: name }, { mute }),
        decided('resolved', { role: name, title: `Session of ${name}` }, { detail: name }),
      ],
      { mutes: [muteUse({ mute, unusedSince: '2026-10-01T00:00:00.000Z', notifyUnused: true })] },
    );
    const email = renderEmail(digestOfNight(run));
    expect(email.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(email).not.toContain('://');
    expect(email.match(/^How to fix:/gm)).toHaveLength(1);
    expect(email.match(/^={24}$/gm)).toHaveLength(4);
  });
});
