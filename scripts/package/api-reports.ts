// Makes a report of what each module of the package exports, by which a change of the API is seen.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DeclaredModule, extract } from './declarations.ts';
import { ROOT } from './folders.ts';

/** Where the reports are, for a review to compare. */
export const API_REPORTS = join(ROOT, 'docs', 'api');

/** By the modules that they are about, without the extension. */
export const REPORT_NAMES = { lib: 'construct', report: 'report' } as const;

/** Writes into the folder, and removes nothing there. */
export function writeReports(modules: readonly DeclaredModule[], folder: string): void {
  const temporary = mkdtempSync(join(ROOT, '.build-'));
  try {
    mkdirSync(folder, { recursive: true });
    extract(modules, ({ name }) => ({
      apiReport: {
        enabled: true,
        // What an exported type is made of is part of the API too.
        includeForgottenExports: true,
        reportFileName: REPORT_NAMES[name],
        reportFolder: folder,
        reportTempFolder: temporary,
      },
    }));
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
