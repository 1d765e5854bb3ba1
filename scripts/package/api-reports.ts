// Makes a report of what each module of the package exports, by which a change of the API is seen.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Extracts, extract, withDeclarations } from './declarations.ts';
import { ROOT } from './folders.ts';

/** Where the reports are, for a review to compare. */
export const API_REPORTS = join(ROOT, 'docs', 'api');

const FILES = { lib: 'construct', report: 'report' } as const;

export async function writeReports(folder: string): Promise<void> {
  await withDeclarations((name, entry) => writeReport(entry, folder, FILES[name]));
}

/**
 * @param entry - The declarations of a module.
 * @param name - Of the report, without its extension.
 */
export function writeReport(entry: string, folder: string, name: string): void {
  const temporary = mkdtempSync(join(ROOT, '.build-'));
  try {
    mkdirSync(folder, { recursive: true });
    const apiReport: Extracts['apiReport'] = {
      enabled: true,
      // What an exported type is made of is part of the API too.
      includeForgottenExports: true,
      reportFileName: name,
      reportFolder: folder,
      reportTempFolder: temporary,
    };
    extract(entry, { apiReport });
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
