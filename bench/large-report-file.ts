// Writes a large report to a file, one finding a line, and reads it again without holding its text.

import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Report, ReportFinding } from '../lambda/report/schema.ts';

export async function writeReportFile(file: string, { findings, ...rest }: Report): Promise<void> {
  await writeFile(
    file,
    [rest, ...findings].map((part) => `${JSON.stringify(part)}\n`),
  );
}

export async function readReportFile(file: string): Promise<Report> {
  const [first, ...findings] = await Array.fromAsync(
    createInterface(createReadStream(file)),
    (line) => JSON.parse(line) as unknown,
  );
  return { ...(first as Omit<Report, 'findings'>), findings: findings as ReportFinding[] };
}
