// The page in a real browser: no violation of its policy, none that axe finds, keyboard, 360 pixels, script off, print.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exporter } from '../../../lambda/report/exports/html.ts';
import { finding } from '../builders.ts';
import { CONTEXT, eventfulReport } from '../exports/outcomes.ts';

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const missing = existsSync(BROWSER) ? '' : ` (skipped: no browser at ${BROWSER}; install Debian's chromium)`;
const HOSTILE = '</code></pre><script>document.title = "owned"</script><img src="http://127.0.0.1:9/x">';

describe.skipIf(missing !== '')(`in a browser${missing}`, () => {
  let folder: string;
  let browser: Browser;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-page-'));
    const report = eventfulReport();
    const hostile = finding({ fingerprint: '0000000000000bad', role: HOSTILE, remedy: `ALTER ROLE ${HOSTILE};` });
    const page = exporter.render({ ...report, findings: [...report.findings, hostile] }, CONTEXT);
    const file = join(folder, 'report.html');
    await writeFile(file, page);
    url = pathToFileURL(file).href;
    browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  /** Opens the page, and fails where it says anything, or asks for anything but itself. */
  async function open(options: BrowserContextOptions, inspect: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    const said: string[] = [];
    const page = await context.newPage();
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('request', (request) => {
      if (request.url() !== url) said.push(request.url());
    });
    await page.goto(url);
    await inspect(page);
    await context.close();
    expect(said).toEqual([]);
  }

  test.each(['light', 'dark'] as const)(
    'axe finds nothing, everything opened: %s',
    async (colorScheme) => {
      await open({ colorScheme }, async (page) => {
        expect(await page.title()).toBe('PostgreSQL TLS audit');
        const violations = await page.evaluate(`
        for (const details of document.querySelectorAll('details')) details.open = true;
        ${axe.source};
        axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))`);
        expect(violations).toEqual([]);
      });
    },
    60_000,
  );

  test('fits into 360 pixels', async () => {
    await open({ viewport: { width: 360, height: 740 } }, async (page) => {
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    });
  }, 30_000);

  test('is filtered, sorted and copied from', async () => {
    await open({}, async (page) => {
      await page.fill('[data-filter=words]', 'ledger');
      expect(await page.locator('.targets > li:visible').count()).toBe(1);
      await page.fill('[data-filter=words]', '');
      await page.selectOption('[data-sort]', 'name');
      expect(await page.locator('.targets .target-name').allTextContents()).toEqual([
        'billing',
        'crm',
        'ledger',
        'orders',
      ]);
      await page.selectOption('[data-filter=verdict]', 'clean');
      expect(await page.locator('.targets > li:visible').count()).toBe(1);
    });
  }, 30_000);

  test('is opened by keyboard, and has every fact without a script', async () => {
    await open({}, async (page) => {
      const first = page.locator('.targets > li > details').first();
      await first.locator('> summary').focus();
      await page.keyboard.press('Enter');
      expect(await first.getAttribute('open')).toBe('');
    });
    await open({ javaScriptEnabled: false }, async (page) => {
      const text = (await page.locator('main').textContent()) ?? '';
      for (const fact of ['Are we encrypted?', '0000000000000a01', 'How to fix', HOSTILE.slice(0, 20)]) {
        expect(text).toContain(fact);
      }
    });
  }, 30_000);

  test('prints what is folded in', async () => {
    await open({}, async (page) => {
      await page.emulateMedia({ media: 'print' });
      expect(await page.locator('details.how p').first().isVisible()).toBe(true);
    });
  }, 30_000);
});
