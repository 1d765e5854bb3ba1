// Markdown, as a reader sees it and as a real parser of GitHub Flavored Markdown makes HTML of it.

import { marked } from 'marked';
import { describe, expect, test } from 'vitest';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import { renderMarkdown } from '../../../lambda/report/exports/markdown.ts';
import { markdownText } from '../../../lambda/report/exports/markdown-text.ts';
import { badNight, finding, healthyReport, healthyTarget } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { CONTEXT, eventfulReport } from './outcomes.ts';

function html(markdown: string): string {
  return marked.parse(markdown, { gfm: true, async: false });
}

/** Where it sends people: nowhere but to the references of the catalogue. */
function foreignLinks(markdown: string): string[] {
  const known = new Set(CONTEXT.catalogue.flatMap(({ references }) => references));
  const links = [...html(markdown).matchAll(/(?:href|src)="([^"]*)"/g)].map(([, url = '']) => url);
  return links.filter((url) => !known.has(url.replaceAll('&amp;', '&')));
}

const HOSTILE_MARKDOWN: readonly (readonly [string, string])[] = [
  ['a table’s end', 'a | b || c \\| d'],
  ['code spans and fences', '`a` ``b`` ```c``` ~~~d~~~'],
  ['a fence', '```'],
  ['HTML', '<img src=x onerror=alert(1)><script>x</script><!-- -->&lt;b&gt;'],
  [
    'an image and links',
    '![x](http://evil.example/x.png) [y](javascript:x) <mailto:a@evil.example> [z]: //evil.example',
  ],
  ['links without markup', 'www.evil.example someone@evil.example http://evil.example'],
  ['a heading and a list', '# all clear'],
  ['a numbered list', '1. all clear'],
  ['a rule', '---'],
  ['backslashes', 'a\\'],
];

describe('renderMarkdown', () => {
  test('reads well', () => {
    const text = wholeText(renderMarkdown(eventfulReport(), CONTEXT));
    expect(text.slice(0, text.indexOf('## High'))).toMatchInlineSnapshot(`
      "# PostgreSQL TLS audit

      Run of 2026-11-10 06:15 UTC. Result for 4 databases: 1 clean, 1 with findings, 1 partly audited, 1 not audited. 4 findings: 2 critical, 2 high.

      | Target | Address | Verdict | TLS | Sessions | Plaintext | Worst |
      | --- | --- | --- | --- | ---: | ---: | --- |
      | \`orders\` | \`orders.db.example.com:5432\` | ❌ findings | TLSv1.3 | 42 | 0 | high |
      | \`ledger\` | \`ledger.db.example.com:5432\` | ❗ **not audited** | ? | ? | ? | critical |
      | \`crm\` | \`[2001:db8::7]:5432\` | ❓ partly audited | TLSv1.3 | 42 | 0 | critical |
      | \`billing\` | \`billing.db.example.com:5432\` | ✅ clean | TLSv1.3 | 42 | 0 | none |

      ## Not verified

      There may be more findings than this report lists.

      - \`ledger\` was **not audited**: The certificate of ledger.db.example.com:5432 expired on 2026-11-07T00:00:00Z (certificate-expired)

        \`\`\`text
        Renew the server certificate and reload PostgreSQL (select pg_reload_conf()).
        \`\`\`
      - \`crm\`: \`plaintext-session\`, \`weak-cipher-session\`: 17 sessions are hidden
      - \`crm\`: \`plaintext-allowed\`: the check crashed (TypeError: x)

      ## Critical

      ### The database could not be audited (\`target-not-audited\`)

      - \`ledger\`: cause: certificate-expired; what: The certificate of ledger.db.example.com:5432 expired on 2026-11-07T00:00:00Z (fingerprint \`00000000000000ff\`)

      How to fix:

      \`\`\`text
      Renew the server certificate and reload PostgreSQL (select pg_reload_conf()).
      \`\`\`

      See <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBQ-SSL-CERTIFICATES>.

      ### Unencrypted session over the network (\`plaintext-session\`)

      - \`crm\`: role \`worse\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; WORSE (was medium); since 2026-11-09 06:15 UTC (fingerprint \`0000000000000a03\`)

      How to fix:

      \`\`\`text
      Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256
      \`\`\`

      See <https://www.postgresql.org/docs/current/libpq-ssl.html>, <https://www.postgresql.org/docs/current/auth-pg-hba-conf.html>, <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html>.

      "
    `);
    expect(text.slice(text.indexOf('## Still open'))).toMatchInlineSnapshot(`
      "## Still open, though this run did not see it

      - \`orders\`: Unencrypted session over the network (high); role \`nightly\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; STILL OPEN since 2026-11-09 06:15 UTC; last seen 2026-11-09 06:15 UTC, not seen by this run (fingerprint \`0000000000000a05\`)

      ## Resolved

      - \`orders\`: Unencrypted session over the network (was high); role \`gone\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; resolved: this run looked for it and did not find it; seen once, 2026-11-09 06:15 UTC (fingerprint \`00000000000000f1\`)
      - \`orders\`: Unencrypted session over the network (was high); role \`gone\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; resolved: the check no longer applies (it is a standby now) (fingerprint \`00000000000000f2\`)
      - \`retired\`: Unencrypted session over the network (was high); role \`gone\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; closed, not proven fixed: the configuration no longer has this target (fingerprint \`00000000000000f3\`)

      ## Muted

      - \`orders\`: Unencrypted session over the network (medium); role \`quiet\`, database \`shop\`, application \`checkout\`; 12 sessions from 10.0.1.7 and 10.0.1.9; oldest session: 2026-11-09 22:10 UTC; muted until 2026-12-31 00:00 UTC by shop: replaced in December; since 2026-11-09 06:15 UTC (fingerprint \`0000000000000a04\`)

      ---

      pg-tls-auditor 1.2.3, 2026-11-10T06:15:02.123Z to 2026-11-10T06:15:09.456Z. Judged by: TLS from TLSv1.2, TLSv1.3 preferred, ciphers by mozilla-intermediate (Mozilla Server Side TLS 5.7). Compared with earlier runs.
      "
    `);
  });

  test('tells every finding once, each remedy once, and counts what is unknown as unknown', () => {
    const text = wholeText(renderMarkdown(badNight(), CONTEXT));
    expect(text.match(/\(fingerprint `/g)).toHaveLength(7);
    expect(text).toContain('| `crm` | `crm.db.example.com:5432` | ❓ partly audited | TLSv1.3 | 1+17? | 0+? | high |');
    expect(text).toContain('| `ledger` | `ledger.db.example.com:5432` | ❗ **not audited** | ? | ? | ? | critical |');
    expect(text).toContain('How to fix: As for plaintext-session above.');
    expect(text).toContain('No state is configured, so runs are not compared.');
  });

  test('a run of nothing says so', () => {
    expect(wholeText(renderMarkdown(healthyReport({ targets: [] }), CONTEXT))).toContain('**Nothing was audited.**');
  });

  test('a clean run says so, and has no empty parts', () => {
    const text = wholeText(renderMarkdown(healthyReport(), CONTEXT));
    expect(text).toContain('| ✅ clean |');
    expect(text).not.toContain('## ');
  });

  test.each([...HOSTILE_NAMES, ...HOSTILE_MARKDOWN])('shows %s harmlessly', (_what, name) => {
    const shown = (text: string) => {
      const report = healthyReport({
        targets: [healthyTarget({ verdict: 'findings', name: text || 'x', host: text || 'x' })],
        findings: [
          finding({
            target: text || 'x',
            title: text || 'x',
            role: text,
            database: text,
            application: text,
            evidence: { name: text, names: [text] },
            remedy: `As said:\n${text}`,
          }),
        ],
      });
      return wholeText(renderMarkdown(report, CONTEXT));
    };
    const text = shown(name);
    expect(text.replaceAll('\n', ' ')).not.toMatch(UNSAFE);
    expect(foreignLinks(text)).toEqual([]);
    const tags = (document: string) =>
      [...html(document).matchAll(/<(\w+)/g)].map(([, tag]) => tag).filter((tag) => tag !== 'code');
    expect(tags(text)).toEqual(tags(shown('harmless')));
  });

  test('values are shown as they are, pipes included', () => {
    const report = healthyReport({ findings: [finding({ role: 'a|b`c', application: '*x*' })] });
    const page = html(wholeText(renderMarkdown(report, CONTEXT)));
    expect(page).toContain('<code>a|b`c</code>');
    expect(page).toContain('<code>*x*</code>');
    const named = html(
      wholeText(renderMarkdown(healthyReport({ targets: [healthyTarget({ name: 'a|b', host: 'h|h' })] }), CONTEXT)),
    );
    expect(named).toContain('<td><code>a|b</code></td>');
  });
});

describe('markdownText', () => {
  test.each([
    '# a',
    '> a',
    '- a',
    '+ a',
    '* a',
    '1. a',
    '2) a',
    '---',
    '===',
    '    a',
    '_a_ and __b__',
    '$a$',
    '~~a~~',
  ])('shows %j as a paragraph of just that', (text) => {
    expect(html(markdownText(text))).toBe(`<p>${text.trim().replaceAll('>', '&gt;')}</p>\n`);
  });

  test('leaves words alone that need nothing', () => {
    const text =
      'Set ssl_min_protocol_version = TLSv1.2 (see pg_hba.conf), then SELECT pg_reload_conf(); 10.0.1.0/24 - done!';
    expect(markdownText(text)).toBe(text);
  });
});
