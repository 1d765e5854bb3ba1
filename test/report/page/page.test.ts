// The page of a report: it never says "yes" where something was not seen, shows hostile names as text, and fits.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import { exporter } from '../../../lambda/report/exports/html.ts';
import { renderHistoryPage } from '../../../lambda/report/page/history-page.ts';
import { MOST_BYTES, renderReportPage } from '../../../lambda/report/page/report-page.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import { badNight, finding, healthyReport, healthyTarget, notAuditedTarget } from '../builders.ts';
import { CONTEXT, eventfulReport, outcomes } from '../exports/outcomes.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';

const text = (parts: Iterable<string>): string => [...parts].join('');
const render = (report: Report): string => wholeText(exporter.render(report, CONTEXT));

/** What the first card says. */
function answer(report: Report): string {
  return /<h2>Are we encrypted\?<\/h2><p class="big">([^<]*)</.exec(render(report))?.[1] ?? '';
}

const PLAINTEXT = { total: 3, hidden: 0, byTransport: { tls: 1, gss: 0, 'unix-socket': 0, loopback: 0, plaintext: 2 } };

describe('whether we are encrypted', () => {
  const clean = healthyTarget({ checks: outcomes() });

  test('is yes only where everything was seen and nothing was found', () => {
    expect(answer(healthyReport({ targets: [clean] }))).toBe('Yes');
  });

  const muted = {
    reason: 'muted',
    mute: { reason: 'later', owner: 'shop', expires: '2026-12-31T00:00:00.000Z' },
  } as const;
  test.each<[string, string, Partial<Report>]>([
    ['no target', 'Not known', { targets: [] }],
    ['a target that was not audited', 'Not known', { targets: [clean, notAuditedTarget()] }],
    ['a target that was seen in part', 'Not known', { targets: [healthyTarget({ verdict: 'unknown' })] }],
    [
      'a check that could not see everything, under another verdict',
      'Not known',
      {
        targets: [
          healthyTarget({
            verdict: 'findings',
            checks: [{ id: 'plaintext-session', status: 'unknown', reason: 'hidden' }],
          }),
        ],
      },
    ],
    ['targets left out of the report', 'Not known', { targets: [clean], omittedTargets: 3 }],
    ['findings left out of the report', 'Not known', { targets: [clean], omittedFindings: 1 }],
    [
      'a source of targets that failed',
      'Not known',
      { targets: [clean], warnings: [{ id: 'targets-unknown', message: 'Not all targets are known' }] },
    ],
    ['a finding of plaintext', 'No', { targets: [clean], findings: [finding()] }],
    ['a muted one', 'No', { targets: [clean], findings: [finding({ lifecycle: muted })] }],
    ['one that this run did not see', 'No', { targets: [clean], carriedOver: [finding()] }],
    ['a client that falls back', 'No', { targets: [clean], findings: [finding({ check: 'tls-fallback' })] }],
    [
      'plaintext sessions without a finding',
      'No',
      { targets: [healthyTarget({ sessions: { ...PLAINTEXT, byTlsVersion: {} } })] },
    ],
    [
      'deprecated TLS alone',
      'Yes, but weakly',
      { targets: [clean], findings: [finding({ check: 'deprecated-tls-session' })] },
    ],
  ])('with %s is: %s', (_, expected, overrides) => {
    expect(answer(healthyReport(overrides))).toBe(expected);
  });
});

describe('the page', () => {
  test('has every finding with its remedy, who was not seen, the mutes and what is over, without any script', () => {
    const page = render(eventfulReport()).replace(/<script>[\s\S]*<\/script>/, '');
    for (const fingerprint of ['a01', 'a02', 'a03', 'a04', 'a05']) {
      expect(page).toContain(`<code data-copy>0000000000000${fingerprint}</code>`);
    }
    for (const text of ['How to fix', 'not audited', '17 sessions are hidden', 'replaced in December', 'Over since']) {
      expect(page).toContain(text);
    }
  });

  test.each(HOSTILE_NAMES)('shows a name with %s as text', (_, name) => {
    const hostile = `${name}</script><script>alert(1)</script><img src=x onerror=alert(1)>" onclick="alert(1)`;
    const report = badNight();
    const spoiled = {
      ...report,
      targets: report.targets.map((target) => ({
        ...target,
        labels: { team: hostile },
        ...(target.link === null ? {} : { link: { ...target.link, cipher: hostile, tlsVersion: hostile } }),
      })),
      findings: report.findings.map((one) => ({
        ...one,
        role: hostile,
        application: hostile,
        title: hostile,
        remedy: `ALTER ROLE ${hostile};`,
        clients: [hostile],
        evidence: { [hostile]: hostile },
      })),
    };
    const page = render(spoiled);
    expect(page).not.toMatch(/<img|onclick="alert|onerror=alert\(1\)>"/);
    expect(page.match(/<script>/g)).toHaveLength(1);
    expect(page.replaceAll('\n', '')).not.toMatch(UNSAFE);
  });

  test('names its own style and script by hash, and nothing from anywhere', () => {
    const page = render(badNight());
    const [policy = ''] = /Content-Security-Policy" content="[^"]*/.exec(page) ?? [];
    for (const element of ['style', 'script']) {
      const [, text = ''] = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page) ?? [];
      expect(policy).toContain(`${element}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:/);
    expect(page).not.toMatch(/ style="| on\w+="| (?:src|href)="(?!#)/);
    expect(/<script>([\s\S]*)<\/script>/.exec(page)?.[1]?.length).toBeLessThan(3_072);
  });

  /** With so many findings each; the remedy is one for all, or of each finding. */
  function fleet(size: number, each: number, remedy: (finding: string) => string): Report {
    const targets = Array.from({ length: size }, (_, index) =>
      healthyTarget({ name: `db-${index}`, verdict: 'findings' }),
    );
    const findings = targets.flatMap(({ name }, index) =>
      Array.from({ length: each }, (_, number) => {
        const fingerprint = (index * each + number).toString(16).padStart(16, '0');
        return finding({ fingerprint, target: name, role: `ü${number}`, remedy: remedy(fingerprint) });
      }),
    );
    return healthyReport({ targets, findings });
  }

  const rowsOf = (page: string): number => page.match(/<li id="target-\d+"/g)?.length ?? 0;
  const long = (finding: string): string => `Set this for ${finding}:\n${'ALTER SYSTEM SET x = 1;\n'.repeat(100)}`;

  test('of 1,000 targets with 20,000 findings has 5 MB at most, every target, and counts what does not fit', () => {
    const page = text(renderReportPage(fleet(1_000, 20, long), CONTEXT, { elsewhere: 'see report.json.gz' }));
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(MOST_BYTES);
    expect(rowsOf(page)).toBe(1_000);
    const [, left = ''] =
      /the details of <strong>(\d+) databases<\/strong> left out: see report\.json\.gz/.exec(page) ?? [];
    expect(page.match(/<h3>Connection<\/h3>/g)).toHaveLength(1_000 - Number(left));
  });

  test('of 10,000 targets has 5 MB at most, and counts those that are not on it', () => {
    const page = text(
      renderReportPage(
        fleet(10_000, 2, () => 'Fix it.'),
        CONTEXT,
      ),
    );
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(MOST_BYTES);
    expect(rowsOf(page)).toBeGreaterThan(4_000);
    expect(page).toContain(`<strong>${10_000 - rowsOf(page)} more databases</strong> not on this page`);
    expect(page).toContain('Plaintext on 10000 of 10000 databases.');
  });

  test('of texts without end has 5 MB at most', () => {
    const report = fleet(300, 1, () => 'ALTER SYSTEM SET x = 1;\n'.repeat(50_000));
    const endless = 'x'.repeat(200_000);
    const error = { cause: 'timed-out', phase: 'tcp', message: endless, remedy: `${endless}\n`.repeat(20) } as const;
    const spoiled = {
      ...report,
      targets: report.targets.map((target) => ({
        ...target,
        verdict: 'not-audited' as const,
        error,
        labels: { [endless]: endless },
      })),
      warnings: [{ id: 'discovery', message: endless } as const],
    };
    expect(Buffer.byteLength(render(spoiled))).toBeLessThanOrEqual(MOST_BYTES);
  });

  test('without time has the answers, and counts the targets', () => {
    const page = text(
      renderReportPage(
        fleet(3, 1, () => 'Fix it.'),
        CONTEXT,
        { hasTime: () => false },
      ),
    );
    expect(page).toContain('Are we encrypted?');
    expect(page).toContain('<strong>3 more databases</strong> not on this page: the JSON report has everything.');
  });

  test('of a thousand clean targets has them all', () => {
    const targets = Array.from({ length: 1_000 }, (_, index) => healthyTarget({ name: `db-${index}` }));
    const page = render(healthyReport({ targets }));
    expect(page.match(/<li id="target-\d+"/g)).toHaveLength(1_000);
    expect(page).not.toMatch(/more databases?<|left out/);
  });

  test('says of readiness only what a plan says', () => {
    expect(render(badNight())).not.toContain('Readiness');
    const readiness = [
      { name: 'crm', readiness: 'ready', reasons: [] },
      { name: 'orders', readiness: 'blocked', reasons: ['2 clients would break'] },
    ] as const;
    const page = text(renderReportPage(badNight(), CONTEXT, { readiness }));
    expect(page).toContain('<strong>1 database of 2</strong> can refuse plaintext now');
    expect(page).toContain('orders</strong>: 2 clients would break');
    expect(page.match(/href="#readiness"/g)).toHaveLength(1);
  });

  test('draws logins by day where they are known, and says else what the report has', () => {
    expect(render(healthyReport())).toContain('Not known: no connection log of these databases was read');
    const logins = [
      { day: '2026-11-10', recorded: 'whole', counts: [{ role: 'app', kind: 'plaintext', logins: 7 }] },
    ] as const;
    expect(text(renderReportPage(badNight(), CONTEXT, { logins }))).toContain(
      '2026-11-10 &quot;app&quot;, plaintext: 7',
    );
  });
});

describe('the page of the history', () => {
  const history = {
    ...{ state: 'file state.json', days: 3, since: '2026-11-08T00:00:00Z', until: '2026-11-10T12:00:00Z' },
    ...{ recordedSince: '2026-11-01T00:00:00Z', clients: [], notSeen: [] },
    targets: [{ name: 'orders', lastAudited: '2026-11-10T06:15:00Z' }],
  };

  test('draws a day that is not recorded as unknown, never as 0', () => {
    const page = renderHistoryPage(history, [
      { day: '2026-11-08', recorded: 'none', counts: [] },
      { day: '2026-11-09', recorded: 'whole', counts: [] },
      { day: '2026-11-10', recorded: 'part', counts: [{ role: 'app', kind: 'plaintext', logins: 7 }] },
    ]);
    const rows = [...page.matchAll(/<tr>(<td[\s\S]*?)<\/tr>/g)].map(([, row = '']) =>
      [...row.matchAll(/<td[^>]*>([^<]*)/g)].map(([, cell]) => cell),
    );
    expect(rows).toEqual([
      ['2026-11-08', 'no: not known', '', 'not known'],
      ['2026-11-09', 'yes', '', '0'],
      ['2026-11-10', 'in part', '&quot;app&quot;, plaintext', '7'],
    ]);
    expect(page.match(/<rect class="gap" x/g)).toHaveLength(2);
  });

  test('says that logins are not known where no log is recorded', () => {
    expect(renderHistoryPage(history, undefined)).toContain('Not known: no connection log');
  });
});
