// `audit` with a source of targets that fails: what is known is audited, and nothing is promised.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { audit } from '../../bin/command-line/commands/audit.ts';
import { auditRequest } from '../../bin/command-line/targets/request.ts';
import { EXIT_CODES, exitCodeOf } from '../../bin/command-line/terminal/exit-code.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { reportSchema } from '../../lambda/report/schema.ts';
import { TARGET_SOURCES, type TargetSourceFactory } from '../../lambda/targets/index.ts';
import { healthyReport } from '../report/builders.ts';
import { listedByTags } from '../targets/listed-by-tags.ts';

const failing: TargetSourceFactory = () => async () => unknown('RDS could not be listed (AccessDenied)');

let folder: string;
let config: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-sources-'));
  config = join(folder, 'auditor.config.json');
  await writeFile(config, JSON.stringify({ targets: [{ name: 'orders', credentials: { env: 'NOT_SET' } }] }));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const options = () => ({ config, format: 'json', failOn: 'medium' }) as const;

test('a report of targets that are not all known makes the exit code 2, however clean it is', () => {
  const clean = healthyReport();
  expect(exitCodeOf(clean, 'medium')).toBe(EXIT_CODES.passed);
  const warnings = [{ id: 'targets-unknown' as const, message: 'Not all targets are known.' }];
  expect(exitCodeOf({ ...clean, warnings }, 'medium')).toBe(EXIT_CODES.failed);
});

test('the audit goes on with the targets that are known, and says what is missing', async () => {
  const request = await auditRequest(options(), {}, [...TARGET_SOURCES, failing]);
  expect(request.targets.map(({ name }) => name)).toEqual(['orders']);
  expect(request.configured).toEqual(unknown('RDS could not be listed (AccessDenied)'));
  const output: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text, ...rest) => {
      output.push(String(text));
      for (const done of rest) if (typeof done === 'function') (done as () => void)();
      return true;
    });
  }
  expect(await audit(options(), [...TARGET_SOURCES, failing])).toBe(EXIT_CODES.failed);
  expect(output.join('')).toContain('error: not all targets are known: RDS could not be listed (AccessDenied)');
  expect(output.join('')).toContain('"targets-unknown"');
});

test('a database whose tag names a network that there is not is audited from here: workers have networks', async () => {
  const tagged: TargetSourceFactory = ({ targets: [first] }) => {
    const found = first === undefined ? [] : [{ ...first, name: 'tagged', network: 'dmz' }];
    return async () => known(found);
  };
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text, ...rest) => {
    written.push(String(text));
    for (const done of rest) if (typeof done === 'function') (done as () => void)();
    return true;
  });
  await audit(options(), [...TARGET_SOURCES, tagged]);
  const report = reportSchema.parse(JSON.parse(written.join('')));
  // The variable of its credentials is not set.
  expect(report.targets.map(({ name, error }) => [name, error?.cause])).toEqual([
    ['orders', 'secret-not-found'],
    ['tagged', 'secret-not-found'],
  ]);
});

test('a name that an incomplete list lacks is not said to be missing', async () => {
  const named = { ...options(), target: ['crm'] };
  await expect(auditRequest(named, {}, TARGET_SOURCES)).rejects.toThrow('has no target named "crm"; it has "orders"');
  await expect(auditRequest(named, {}, [...TARGET_SOURCES, failing])).rejects.toThrow(
    'it is not known whether there is a target named "crm": RDS could not be listed (AccessDenied)',
  );
  const { targets } = await auditRequest(named, {}, [...TARGET_SOURCES, listedByTags]);
  expect(targets.map(({ name }) => name)).toEqual(['crm']);
});
