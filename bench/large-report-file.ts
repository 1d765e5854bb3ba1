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
  let head: Omit<Report, 'findings'> | undefined;
  const findings: ReportFinding[] = [];
  for await (const line of createInterface(createReadStream(file))) {
    if (head === undefined) head = JSON.parse(line) as Omit<Report, 'findings'>;
    else findings.push(JSON.parse(line) as ReportFinding);
  }
  if (head === undefined) throw new Error(`${file} is empty`);
  return { ...head, findings };
}
