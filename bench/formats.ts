// Measures 100,000 findings rendered to every format, each in a fresh process.

import { execFile } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EXPORTERS } from '../lambda/report/exports/index.ts';
import type { Benchmark } from './benchmark.ts';
import { largeReport } from './large-report.ts';
import { writeReportFile } from './large-report-file.ts';
import { atMost, megabytes, milliseconds, type Row } from './measure.ts';
import type { FormatCost } from './render-format.ts';

const TARGETS = 1_000;
const FINDINGS_EACH = 100;
const MOST_MS = 10_000;
const MOST_BYTES = 500e6;

export const formats: Benchmark = {
  name: 'formats',
  title: `${(TARGETS * FINDINGS_EACH).toLocaleString('en')} findings of ${TARGETS.toLocaleString('en')} targets to each format`,
  run: async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'formats-'));
    const file = join(folder.path, 'report');
    await writeReportFile(file, largeReport(TARGETS, FINDINGS_EACH));
    const rows: Row[] = [];
    for (const format of Object.keys(EXPORTERS)) rows.push(...rowsOf(format, await cost(format, file)));
    return rows;
  },
};

function rowsOf(format: string, { milliseconds: taken, processorMs, bytes, peakMemory }: FormatCost): Row[] {
  return [
    atMost(`${format}, to its last byte`, taken, MOST_MS, milliseconds),
    atMost('  memory at its highest', peakMemory, MOST_BYTES, megabytes),
    { what: '  processor time', value: milliseconds(processorMs) },
    { what: '  size of the document', value: megabytes(bytes) },
  ];
}

async function cost(format: string, file: string): Promise<FormatCost> {
  const script = join(import.meta.dirname, 'render-format.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, format, file]);
  return JSON.parse(stdout) as FormatCost;
}
