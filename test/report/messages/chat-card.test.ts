import { describe, expect, test } from 'vitest';
import { CARD_LIMITS, renderChatCard, renderTestCard } from '../../../lambda/report/messages/chat-card.ts';
import { badNight, digestOf, finding, healthyReport } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';

const cardOf = (findings: ReturnType<typeof finding>[]) =>
  renderChatCard(digestOf(healthyReport({ findings })), 'auditor');

describe('renderChatCard', () => {
  test('is the custom notification that the service accepts', () => {
    const { content, ...rest } = renderChatCard(digestOf(badNight()), 'auditor');
    const { description: _shownBelow, ...others } = content;
    expect({ ...rest, metadata: { ...rest.metadata, threadId: '…' }, content: others }).toMatchInlineSnapshot(`
      {
        "content": {
          "keywords": [
            "critical",
            "target-not-audited",
            "plaintext-session",
            "insufficient-privileges",
            "deprecated-tls-session",
          ],
          "nextSteps": [
            "Fix the findings from the top; each group says how.",
            "Check the result at once with \`npx pg-tls-auditor audit --target NAME\`, or wait for the next run.",
            "To accept a finding for some time, run \`npx pg-tls-auditor mute FINGERPRINT\`: it prints the entry for the configuration, with a reason, an owner and an end date.",
          ],
          "textType": "client-markdown",
          "title": "🔴 2 critical, 4 high (1 not audited): ledger, orders and crm",
        },
        "metadata": {
          "additionalContext": {
            "reasons": "observed",
            "route": "all",
            "severity": "critical",
            "startedAt": "2026-11-10T06:15:02.123Z",
          },
          "eventType": "pg-tls-auditor-findings",
          "relatedResources": [
            "ledger",
            "orders",
            "crm",
          ],
          "summary": "pg-tls-auditor: 2 critical, 4 high (1 not audited): ledger, orders and crm",
          "threadId": "…",
        },
        "source": "custom",
        "version": "1.0",
      }
    `);
  });

  test('reads well in Slack', () => {
    const { title, description } = renderChatCard(digestOf(badNight()), 'auditor').content;
    expect(`${title}\n\n${description}`).toMatchInlineSnapshot(`
      "🔴 2 critical, 4 high (1 not audited): ledger, orders and crm

      ⚠️ NOT AUDITED: \`ledger\` (certificate-expired). We could not look inside it, so the findings below say nothing about it.

      ⚠️ PARTLY AUDITED: \`crm\`. There may be more findings than the ones below.

      🔴 *CRITICAL: The database could not be audited* (\`target-not-audited\`)
      • \`ledger\`: cause: certificate-expired; what: The certificate of ledger.db.example.com:5432 expired on 2026-11-07T00:00:00Z; fingerprint \`00000000000000ff\`
      *How to fix:* Renew the server certificate and reload PostgreSQL (select pg_reload_conf()).

      🔴 *CRITICAL: Unencrypted session of a superuser* (\`plaintext-session\`)
      • \`orders\`: role \`postgres\`, database \`shop\`, application \`psql\`; 1 session from 203.0.113.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`00000000000000a1\`
      *How to fix:* Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256

      🟠 *HIGH: The auditor's login cannot see other roles' sessions* (\`insufficient-privileges\`)
      • \`crm\`: role \`tls_auditor\`; hidden sessions: 17; fingerprint \`00000000000000fe\`
      *How to fix:* GRANT pg_monitor TO tls_auditor;

      🟠 *HIGH: Unencrypted session over the network* (\`plaintext-session\`)
      • \`orders\`: role \`app\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; fingerprint \`00000000000000b1\`
      *How to fix:* As for plaintext-session above.

      🟠 *HIGH: Session with deprecated TLS* (\`deprecated-tls-session\`, 2 findings)
      • \`orders\`: role \`legacy\`, database \`shop\`, application \`DBeaver 5.0 - Main\`; 1 session from 10.9.0.0/24; TLS version: TLSv1.1; oldest session: 2026-11-10 05:58 UTC; fingerprint \`00000000000000a3\`
      • \`orders\`: role \`report\`, database \`shop\`, application (none); 3 sessions from 10.0.1.7 and 10.0.1.9; TLS version: TLSv1; oldest session: 2026-11-10 02:00 UTC; fingerprint \`00000000000000a2\`
      *How to fix:* Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.

      Result for 4 databases: 1 clean, 1 with findings, 1 partly audited, 1 not audited. Run of 2026-11-10 06:15 UTC.
      Findings not listed: 1 below alerts.minSeverity (low).
      No state is configured, so runs are not compared, and this alert is sent after every run until the findings are fixed."
    `);
  });

  test('stays in the thread while nothing changes, and starts another when something does', () => {
    const first = finding();
    const second = finding();
    const threadOf = (findings: ReturnType<typeof finding>[]) => cardOf(findings).metadata.threadId;
    expect(threadOf([first, second])).toBe(threadOf([second, { ...first, count: 99 }]));
    expect(threadOf([first])).not.toBe(threadOf([first, second]));
  });

  test('shows whole findings within what people read in a chat and counts the rest', () => {
    const { description } = cardOf(
      Array.from({ length: 5_000 }, (_, index) => finding({ role: `app_${index}` })),
    ).content;
    const shown = description.match(/^•/gm)?.length ?? 0;
    expect(shown).toBeGreaterThan(5);
    expect(description).toContain(`*${5_000 - shown} more findings left out: ${5_000 - shown} high.*`);
    expect(description.length).toBeLessThanOrEqual(3_000);
  });

  test('shows one finding even when its story is long', () => {
    const { description } = cardOf([finding({ remedy: 'word '.repeat(700) }), finding({ severity: 'low' })]).content;
    expect(description.match(/^•/gm)).toHaveLength(1);
    expect(description.length).toBeLessThanOrEqual(CARD_LIMITS.description);
  });

  test('holds the limits for the longest names there can be', () => {
    const targets = Array.from({ length: 50 }, (_, index) => `${'<&>'.repeat(40)}${index}`);
    const { content } = cardOf(
      targets.map((target) => finding({ target, role: '<&>'.repeat(100), remedy: '<'.repeat(5_000) })),
    );
    expect(content.title.length).toBeLessThanOrEqual(CARD_LIMITS.title);
    expect(content.description.length).toBeLessThanOrEqual(CARD_LIMITS.description);
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const { content, metadata } = cardOf([
      finding({
        role: name,
        database: name,
        application: name,
        title: `Session of ${name}`,
        evidence: { clientDn: name },
      }),
    ]);
    const { description } = content;
    expect(description.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(description).not.toMatch(/[<>]/);
    expect(description).not.toMatch(/&(?!amp;|lt;|gt;)/);
    expect(description).not.toContain('://');
    // Outside spans of code, the only markup is ours.
    const prose = description.replaceAll(/`[^`]*`/g, '');
    expect(prose.match(/\*/g)).toHaveLength(4);
    expect(prose).not.toMatch(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|[~`]|\]\(|@/u);
    expect(JSON.stringify(metadata)).not.toContain('U012ABCDE');
  });

  test('keeps code in our own sentences copyable', () => {
    const { description } = cardOf([
      finding({ remedy: 'Set `hostssl all all 10.0.0.0/8 scram-sha-256` in pg_hba.conf for app_role *' }),
    ]).content;
    expect(description).toContain('Set `hostssl all all 10.0.0.0/8 scram-sha-256` in pg_hba.conf for app_role ∗');
  });
});

describe('renderTestCard', () => {
  test('says that nothing is wrong', () => {
    expect(renderTestCard(['orders', 'billing'], '2026-11-10T06:15:02Z').content).toMatchInlineSnapshot(`
      {
        "description": "This is a test message of pg-tls-auditor, requested at 2026-11-10 06:15 UTC. It works: alerts about 2 databases reach this channel.
      It says nothing about any database.",
        "keywords": [
          "test",
        ],
        "nextSteps": [
          "Nothing to do.",
        ],
        "textType": "client-markdown",
        "title": "🧪 TEST – nothing is wrong",
      }
    `);
  });
});
