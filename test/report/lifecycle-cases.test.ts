// What people read of each turn in the life of a finding, in every format.

import { describe, expect, test } from 'vitest';
import type { Digest } from '../../lambda/report/digest.ts';
import { renderChatCard } from '../../lambda/report/messages/chat-card.ts';
import { renderEmail } from '../../lambda/report/messages/email.ts';
import { renderSms } from '../../lambda/report/messages/sms.ts';
import { renderAlert } from '../../lambda/report/messages/sns-message.ts';
import { finding } from './builders.ts';
import {
  decided,
  digestOfNight,
  eventfulNight,
  LAST_MONTH,
  MUTE,
  muteUse,
  type Night,
  night,
  YESTERDAY,
} from './lifecycle-cases.ts';

const FINGERPRINT = 'a1b2c3d4e5f60001';
const one = (
  reason: Parameters<typeof decided>[0],
  ...more: [Parameters<typeof decided>[1]?, Parameters<typeof decided>[2]?]
) => decided(reason, { fingerprint: FINGERPRINT, ...more[0] }, more[1]);

const emailOf = (run: Night) => renderEmail(digestOfNight(run));
const subjectOf = (run: Night) => renderAlert(digestOfNight(run), run.report, 'auditor').subject;
const cardOf = (digest: Digest) => {
  const { title, description, nextSteps } = renderChatCard(digest, 'auditor').content;
  return [title, description, nextSteps.map((step) => `- ${step}`).join('\n')].join('\n\n');
};

describe('a first sighting', () => {
  const run = night([one('new')]);
  test('in the subject', () => expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 high (new): orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "1 new finding on orders: 1 high.

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session)

      - orders: NEW
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. The findings listed here are sent again by 2026-11-11
      06:15 UTC if they are still open.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🟠 1 high (new): orders

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`)
      • *NEW* \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));
  test('in the text message', () =>
    expect(renderSms(digestOfNight(run))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 1 high (new): orders. 2026-11-10 06:15 UTC"`,
    ));
});

describe('what has become worse', () => {
  const run = night([one('escalated', { severity: 'critical' }, { lastNotifiedSeverity: 'medium' })]);
  test('in the subject', () =>
    expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 critical (worse): orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "1 finding on orders: 1 critical (worse).

      ========================
      CRITICAL: Unencrypted session over the network
      (plaintext-session)

      - orders: WORSE (was medium)
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        since 2026-11-09 06:15 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. The findings listed here are sent again by 2026-11-11
      06:15 UTC if they are still open.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🔴 1 critical (worse): orders

      🔴 *CRITICAL: Unencrypted session over the network* (\`plaintext-session\`)
      • *WORSE (was medium)* \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; since 2026-11-09 06:15 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));
  test('in the text message', () =>
    expect(renderSms(digestOfNight(run))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 1 critical (worse): orders. 2026-11-10 06:15 UTC"`,
    ));
});

describe('a reminder', () => {
  const run = night([one('reminder', {}, { openedAt: LAST_MONTH, firstSeen: LAST_MONTH }), decided('ongoing')]);
  test('in the subject', () =>
    expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 high (reminder): orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "1 finding on orders: 1 high (reminder).

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session)

      - orders: STILL THERE since 2026-10-03 21:40 UTC
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.
      Findings not listed: 1 already reported and still open.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. The findings listed here are sent again by 2026-11-11
      06:15 UTC if they are still open.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🟠 1 high (reminder): orders

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`)
      • *STILL THERE since 2026-10-03 21:40 UTC* \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      Findings not listed: 1 already reported and still open.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));
  test('in the text message', () =>
    expect(renderSms(digestOfNight(run))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 1 high (reminder): orders. 2026-11-10 06:15 UTC"`,
    ));
});

describe('what is resolved', () => {
  const run = night([one('resolved'), decided('ongoing', { target: 'billing' })]);
  test('in the subject', () => expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 resolved: orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "No new finding. 1 finding resolved on orders.

      ========================
      RESOLVED

      - orders: Unencrypted session over the network (was high)
        role "app", database "shop", application "checkout"
        resolved: this run looked for it and did not find it
        seen from 2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.
      Findings not listed: 1 already reported and still open.

      A message is sent when a finding is new, worse or resolved, and not
      after every run.

      Nothing to do now. 1 finding reported before is still open.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "✅ 1 resolved: orders

      ✅ *RESOLVED*
      • \`orders\`: Unencrypted session over the network (was high); role \`app\`, database \`shop\`, application \`checkout\`; resolved: this run looked for it and did not find it; seen from 2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      Findings not listed: 1 already reported and still open.
      A message is sent when a finding is new, worse or resolved, and not after every run.

      - Nothing to do now. 1 finding reported before is still open."
    `));
  test('in the text message', () =>
    expect(renderSms(digestOfNight(run))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 1 resolved: orders. 2026-11-10 06:15 UTC"`,
    ));

  test.each([
    ['gone', 'resolved: this run looked for it and did not find it'],
    ['not-applicable', 'resolved: the check no longer applies (TLS is off)'],
    ['check-removed', 'closed, not proven fixed: the auditor no longer has this check'],
    ['target-removed', 'closed, not proven fixed: the configuration no longer has this target'],
  ] as const)('says why: %s', (resolution, words) => {
    const detail = resolution === 'not-applicable' ? { detail: 'TLS is off' } : {};
    const digest = digestOfNight(night([one('resolved', {}, { resolution, ...detail })]));
    expect(renderEmail(digest).replaceAll(/\n {4}/g, ' ')).toContain(words);
    expect(cardOf(digest)).toContain(words);
  });

  test('has no remedy, and nothing of ours that asks for anything', () => {
    for (const text of [emailOf(run), cardOf(digestOfNight(run))]) {
      expect(text).not.toContain('How to fix');
      expect(text).not.toContain('What to do now');
      expect(text).not.toContain('sslmode');
      expect(text).toMatch(/[Nn]othing to do/);
    }
  });
});

describe('the end of a mute', () => {
  const run = night([one('mute-expired', {}, { mute: MUTE, openedAt: LAST_MONTH })]);
  test('in the subject', () =>
    expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 high (mute ended): orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "1 finding on orders: 1 high (mute ended).

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session)

      - orders: MUTE EXPIRED
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        was muted until 2026-11-10 00:00 UTC by payments team: batch job is
          replaced in December
        since 2026-10-03 21:40 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. The findings listed here are sent again by 2026-11-11
      06:15 UTC if they are still open.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🟠 1 high (mute ended): orders

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`)
      • *MUTE EXPIRED* \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; was muted until 2026-11-10 00:00 UTC by payments team: batch job is replaced in December; since 2026-10-03 21:40 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));

  test('that was taken out of the configuration is not called expired', () => {
    const later = { ...MUTE, expires: '2027-01-01T00:00:00.000Z' };
    const email = emailOf(night([one('mute-expired', {}, { mute: later })]));
    expect(email).toContain('NO LONGER MUTED');
    expect(email).toContain('was muted by payments team: batch job is replaced in December');
    expect(email).not.toMatch(/EXPIRED|2027/);
  });

  test('is reported without state too', () => {
    const { finding: found, notify, isObserved, reason } = one('mute-expired');
    const bare = night([{ finding: found, notify, isObserved, reason, mute: MUTE }], { state: false });
    expect(emailOf(bare)).toContain('MUTE EXPIRED');
    expect(emailOf(bare)).toContain('No state is configured');
  });
});

describe('an eventful night', () => {
  const run = eventfulNight();
  test('in the subject', () =>
    expect(subjectOf(run)).toMatchInlineSnapshot(
      `"[pg-tls-auditor] 1 critical, 4 high (2 new, 1 worse, 1 not audited), 2 resolved: billing and 2 more"`,
    ));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "5 findings on billing and orders: 1 critical, 4 high (2 new, 1 worse, 1
      mute ended, 1 reminder). 2 findings resolved on billing and old-crm. 1
      mute matches no finding.

      NOT AUDITED: crm (connection-refused). We could not look inside it, so
      the findings below say nothing about it.

      ========================
      CRITICAL: A server certificate expires in 6 days
      (server-certificate-expiring)

      - billing: WORSE (was high)
        subject: CN=billing.db.example.com
        not after: 2026-11-16 12:00 UTC
        since 2026-10-03 21:40 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Renew the certificate, then reload: SELECT pg_reload_conf();

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session, 3 findings)

      - orders: NEW
        role "analyst", database "shop", application "psql"
        1 session from 10.0.7.21
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: a1b2c3d4e5f60002

      - orders: MUTE EXPIRED
        role "batch", database "shop", application "legacy-batch"
        4 sessions from 10.0.3.0/24
        oldest session: 2026-11-09 22:10 UTC
        was muted until 2026-11-10 00:00 UTC by payments team: batch job is
          replaced in December
        since 2026-10-03 21:40 UTC
        fingerprint: a1b2c3d4e5f60003

      - orders: STILL THERE since 2026-11-09 06:15 UTC
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: a1b2c3d4e5f60004

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      HIGH: Session with deprecated TLS
      (deprecated-tls-session)

      - orders: NEW
        role "report", database "shop", application (none)
        3 sessions from 10.0.1.7 and 10.0.1.9
        TLS version: TLSv1
        oldest session: 2026-11-10 02:00 UTC
        first seen 2026-10-03 21:40 UTC, absent in between
        fingerprint: a1b2c3d4e5f60005

      How to fix:
        Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the
        server.

      ========================
      RESOLVED

      - billing: Unencrypted session over the network (was high)
        role "app", database "shop", application "nightly"
        resolved: this run looked for it and did not find it
        seen from 2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC

      - old-crm: The server accepts plaintext from the network (was medium)
        closed, not proven fixed: the configuration no longer has this target
        seen from 2026-10-03 21:40 UTC to 2026-11-09 06:15 UTC

      ========================
      MUTES THAT MATCH NO FINDING

      - role "old_*"
        dba, until 2027-03-01 00:00 UTC: moves soon
        has matched nothing since 2026-10-05 00:00 UTC

      Remove them from the configuration, or correct what they match. A
      forgotten mute may hide a finding that it was not meant for.

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 3 databases: 2 with findings, 1 not audited.
      Findings not listed: 2 already reported and still open, 1 muted.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. The findings listed here are sent again by 2026-11-11
      06:15 UTC if they are still open.

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🔴 1 critical, 4 high (2 new, 1 worse, 1 mute ended, 1 reminder, 1 not audited), 2 resolved: billing, orders and old-crm

      ⚠️ NOT AUDITED: \`crm\` (connection-refused). We could not look inside it, so the findings below say nothing about it.

      🔴 *CRITICAL: A server certificate expires in 6 days* (\`server-certificate-expiring\`)
      • *WORSE (was high)* \`billing\`: subject: CN=billing.db.example.com; not after: 2026-11-16 12:00 UTC; since 2026-10-03 21:40 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Renew the certificate, then reload: SELECT pg_reload_conf();

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`, 3 findings)
      • *NEW* \`orders\`: role \`analyst\`, database \`shop\`, application \`psql\`; 1 session from 10.0.7.21; oldest session: 2026-11-09 22:10 UTC; fingerprint \`a1b2c3d4e5f60002\`
      • *MUTE EXPIRED* \`orders\`: role \`batch\`, database \`shop\`, application \`legacy-batch\`; 4 sessions from 10.0.3.0/24; oldest session: 2026-11-09 22:10 UTC; was muted until 2026-11-10 00:00 UTC by payments team: batch job is replaced in December; since 2026-10-03 21:40 UTC; fingerprint \`a1b2c3d4e5f60003\`
      • *STILL THERE since 2026-11-09 06:15 UTC* \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`a1b2c3d4e5f60004\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      🟠 *HIGH: Session with deprecated TLS* (\`deprecated-tls-session\`)
      • *NEW* \`orders\`: role \`report\`, database \`shop\`, application (none); 3 sessions from 10.0.1.7 and 10.0.1.9; TLS version: TLSv1; oldest session: 2026-11-10 02:00 UTC; first seen 2026-10-03 21:40 UTC, absent in between; fingerprint \`a1b2c3d4e5f60005\`
      *How to fix:* Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.

      ✅ *RESOLVED*
      • \`billing\`: Unencrypted session over the network (was high); role \`app\`, database \`shop\`, application \`nightly\`; resolved: this run looked for it and did not find it; seen from 2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC
      • \`old-crm\`: The server accepts plaintext from the network (was medium); closed, not proven fixed: the configuration no longer has this target; seen from 2026-10-03 21:40 UTC to 2026-11-09 06:15 UTC

      🔕 *MUTES THAT MATCH NO FINDING*
      • role \`old_*\`: dba, until 2027-03-01 00:00 UTC: moves soon; has matched nothing since 2026-10-05 00:00 UTC
      Remove them from the configuration, or correct what they match.

      Result for 3 databases: 2 with findings, 1 not audited. Run of 2026-11-10 06:15 UTC.
      Findings not listed: 2 already reported and still open, 1 muted.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));
  test('in the text message', () =>
    expect(renderSms(digestOfNight(run))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 1 critical, 4 high (2 new, 1 worse, 1 mute ended, 1 reminder, 1 not audited), 2 resolved: 3 databases. 2026-11-10 06:15 UTC"`,
    ));
});

describe('a mute that matches nothing', () => {
  const run = night([], {
    targets: [{ name: 'orders' }],
    mutes: [muteUse({ unusedSince: YESTERDAY, notifyUnused: true })],
  });
  test('in the subject', () =>
    expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 mute matches no finding"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "No new finding. 1 mute matches no finding.

      ========================
      MUTES THAT MATCH NO FINDING

      - check "plaintext-session", target "orders", application "legacy-*"
        payments team, until 2026-11-10 00:00 UTC: batch job is replaced in
          December
        has matched nothing since 2026-11-09 06:15 UTC

      Remove them from the configuration, or correct what they match. A
      forgotten mute may hide a finding that it was not meant for.

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 clean.

      A message is sent when a finding is new, worse or resolved, and not
      after every run.

      Nothing to fix. Update the mutes that are listed here.
      "
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🔕 1 mute matches no finding

      🔕 *MUTES THAT MATCH NO FINDING*
      • check \`plaintext-session\`, target \`orders\`, application \`legacy-*\`: payments team, until 2026-11-10 00:00 UTC: batch job is replaced in December; has matched nothing since 2026-11-09 06:15 UTC
      Remove them from the configuration, or correct what they match.

      Result for 1 database: 1 clean. Run of 2026-11-10 06:15 UTC.
      A message is sent when a finding is new, worse or resolved, and not after every run.

      - Nothing to fix. Update the mutes that are listed here."
    `));
});

describe('without state', () => {
  const { finding: found } = { finding: finding({ fingerprint: FINGERPRINT }) };
  const run = night([{ reason: 'observed', finding: found, isObserved: true, notify: true }], { state: false });
  test('in the subject', () => expect(subjectOf(run)).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 high: orders"`));
  test('in the email', () =>
    expect(emailOf(run)).toMatchInlineSnapshot(`
      "1 finding on orders: 1 high.

      ========================
      HIGH: Unencrypted session over the network
      (plaintext-session)

      - orders
        role "app", database "shop", application "checkout"
        12 sessions from 10.0.1.7 and 10.0.1.9
        oldest session: 2026-11-09 22:10 UTC
        fingerprint: a1b2c3d4e5f60001

      How to fix:
        Set sslmode=verify-full and sslrootcert in the client, then refuse
        plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      ========================
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Result for 1 database: 1 with findings.

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
    `));
  test('in the card', () =>
    expect(cardOf(digestOfNight(run))).toMatchInlineSnapshot(`
      "🟠 1 high: orders

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`)
      • \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      No state is configured, so runs are not compared, and this alert is sent after every run until the findings are fixed.

      - Fix the findings from the top; each group says how.
      - Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.
      - To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date."
    `));
});
