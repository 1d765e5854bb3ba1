// The page in a real browser: no violation of its policy, none that axe finds, keyboard, 360 pixels, script off, print.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderHistoryPage } from '../../../lambda/report/page/history-page.ts';
import { renderPlanPage } from '../../../lambda/report/page/plan-page.ts';
import { renderReportPage } from '../../../lambda/report/page/report-page.ts';
import { finding } from '../builders.ts';
import { CONTEXT, eventfulReport } from '../exports/outcomes.ts';
import { HISTORY, LOGINS, PLAN, READINESS } from './fixtures.ts';

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const missing = existsSync(BROWSER) ? '' : ` (skipped: no browser at ${BROWSER}; install Debian's chromium)`;
/** `npm test` opens the page of a report once; `.ci/run` does the rest. */
const ALL = process.env.PG_TLS_AUDITOR_PAGES === 'all';
const only = ALL ? '' : ' (skipped: PG_TLS_AUDITOR_PAGES is not "all")';
const HOSTILE = '</code></pre><script>document.title = "owned"</script><img src="http://127.0.0.1:9/x">';

type Kind = 'report' | 'history' | 'plan';

function pages(): Readonly<Record<Kind, Iterable<string>>> {
  const report = eventfulReport();
  const hostile = finding({ fingerprint: '0000000000000bad', role: HOSTILE, remedy: `ALTER ROLE ${HOSTILE};` });
  const findings = [...report.findings, hostile];
  return {
    report: renderReportPage({ ...report, findings }, CONTEXT, { readiness: READINESS, logins: LOGINS }),
    history: [renderHistoryPage(HISTORY, LOGINS)],
    plan: renderPlanPage(PLAN),
  };
}

describe.skipIf(missing !== '')(`in a browser${missing}`, () => {
  let folder: string;
  let browser: Browser;
  const urls = new Map<Kind, string>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-page-'));
    for (const [kind, parts] of Object.entries(pages())) {
      const file = join(folder, `${kind}.html`);
      await writeFile(file, parts);
      urls.set(kind as Kind, pathToFileURL(file).href);
    }
    browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  /** Opens a page, and fails where it says anything, or asks for anything but itself. */
  async function open(
    options: BrowserContextOptions & { readonly kind?: Kind },
    inspect: (page: Page) => Promise<void>,
  ): Promise<void> {
    const { kind = 'report', ...context } = options;
    const url = urls.get(kind) ?? '';
    const opened = await browser.newContext(context);
    const said: string[] = [];
    const page = await opened.newPage();
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('request', (request) => {
      if (request.url() !== url) said.push(request.url());
    });
    await page.goto(url);
    await inspect(page);
    await opened.close();
    expect(said).toEqual([]);
  }

  async function violations(page: Page): Promise<unknown> {
    return await page.evaluate(`
      for (const details of document.querySelectorAll('details')) details.open = true;
      ${axe.source};
      axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))`);
  }

  test('says nothing, asks for nothing, is filtered, sorted and opened by keyboard, and fits into 360 pixels', async () => {
    await open({ viewport: { width: 360, height: 740 } }, async (page) => {
      expect(await page.title()).toBe('PostgreSQL TLS audit');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      await page.fill('[data-filter=words]', 'ledger');
      expect(await page.locator('.targets > li:visible').count()).toBe(1);
      await page.fill('[data-filter=words]', '');
      await page.selectOption('[data-sort]', 'name');
      const names = await page.locator('.targets .target-name').allTextContents();
      expect(names).toEqual(['billing', 'crm', 'ledger', 'orders']);
      await page.selectOption('[data-filter=verdict]', 'clean');
      expect(await page.locator('.targets > li:visible').count()).toBe(1);
      const first = page.locator('.targets > li:visible > details').first();
      await first.locator('> summary').focus();
      await page.keyboard.press('Enter');
      expect(await first.getAttribute('open')).toBe('');
      expect(await first.locator('[data-copy] + button').first().textContent()).toBe('Copy');
    });
  });

  describe.skipIf(!ALL)(`thoroughly${only}`, () => {
    test.each(
      (['report', 'history', 'plan'] as const).flatMap((kind) => [
        { kind, colorScheme: 'light' } as const,
        { kind, colorScheme: 'dark' } as const,
      ]),
    )('axe finds nothing, everything opened: $kind, $colorScheme', async (options) => {
      await open(options, async (page) => expect(await violations(page)).toEqual([]));
    });

    test.each(['history', 'plan'] as const)('the page of a %s fits into 360 pixels', async (kind) => {
      await open({ kind, viewport: { width: 360, height: 740 } }, async (page) => {
        await page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true");
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      });
    });

    test('has every fact without a script, and no control that does nothing', async () => {
      await open({ javaScriptEnabled: false }, async (page) => {
        const text = (await page.locator('main').textContent()) ?? '';
        for (const fact of ['Are we encrypted?', '0000000000000a01', 'How to fix', HOSTILE.slice(0, 20)]) {
          expect(text).toContain(fact);
        }
        expect(await page.locator('button:visible, input:visible, select:visible').count()).toBe(0);
      });
    });

    test('prints what is folded in', async () => {
      await open({}, async (page) => {
        await page.emulateMedia({ media: 'print' });
        expect(await page.locator('details.how p').first().isVisible()).toBe(true);
        expect(await page.locator('.targets .inner').first().isVisible()).toBe(true);
      });
    });

    test('copies a fingerprint', async () => {
      await open({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
        const first = page.locator('.targets > li > details').first();
        await first.locator('> summary').click();
        const code = first.locator('.dim [data-copy]').first();
        await first.locator('.dim [data-copy] + button').first().click();
        await page.getByText('Copied').waitFor();
        expect(await page.evaluate('navigator.clipboard.readText()')).toBe(await code.textContent());
      });
    });
  });
});
