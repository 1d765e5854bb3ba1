// Renders a large report in one format, in a process of its own, and prints the cost.

import { closeSync, openSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { chunksOf } from '../lambda/report/exports/chunks.ts';
import { EXPORTERS } from '../lambda/report/exports/index.ts';
import { EXPORT_CONTEXT } from './large-report.ts';
import { readReportFile } from './large-report-file.ts';

export interface FormatCost {
  /** From the report to its last byte out of our hands. */
  readonly milliseconds: number;
  readonly processorMs: number;
  readonly bytes: number;
  /** Bytes: all of the process at its highest, Node, the report and what read it included. */
  readonly peakMemory: number;
}

const [format = '', file = ''] = process.argv.slice(2);
const { render } = await EXPORTERS[format as keyof typeof EXPORTERS]();
const report = await readReportFile(file);
const out = openSync(devNull, 'w');
const [start, before] = [performance.now(), process.cpuUsage()];
let bytes = 0;
for (const chunk of chunksOf(render(report, EXPORT_CONTEXT))) bytes += writeSync(out, chunk);
const milliseconds = performance.now() - start;
const { user, system } = process.cpuUsage(before);
closeSync(out);
const cost: FormatCost = {
  milliseconds,
  processorMs: (user + system) / 1000,
  bytes,
  peakMemory: process.resourceUsage().maxRSS * 1024,
};
process.stdout.write(JSON.stringify(cost));
