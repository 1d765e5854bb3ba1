// Follows CONTRIBUTING's "Adding a check" with the code printed there, in a temporary folder.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import * as make from '../lab/snapshots.ts';
import { catalogue } from '../lambda/checks/catalogue.ts';
import type { Check } from '../lambda/checks/check.ts';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { CHECKS } from '../lambda/checks/registry.ts';
import { known } from '../lambda/model/observed.ts';
import { buildReport } from '../lambda/report/build-report.ts';
import { wholeText } from '../lambda/report/exports/chunks.ts';
import { renderSarif } from '../lambda/report/exports/sarif.ts';

const ROOT = join(import.meta.dirname, '..');
const ID = 'preferred-tls-ruled-out';
const contributing = await readFile(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
const folder = await mkdtemp(join(ROOT, '.contributing-'));
afterAll(() => rm(folder, { recursive: true }));

/** The code under `<!-- NAME -->`. */
function code(name: string): string {
  const [, block] = new RegExp(`<!-- ${name} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``).exec(contributing) ?? [];
  if (block === undefined) throw new Error(`CONTRIBUTING.md has no code under <!-- ${name} -->`);
  return block;
}

/** Relative imports lead to the repository, but for the check, which is in the temporary folder. */
async function write(name: string, source: string, stands: string): Promise<string> {
  const path = join(folder, name);
  const placed = source.replaceAll(/from '(\.[^']*)'/g, (_, to: string) =>
    to.endsWith(`/${ID}.ts`) ? `from '${join(folder, `${ID}.ts`)}'` : `from '${join(ROOT, stands, to)}'`,
  );
  await writeFile(path, placed);
  return path;
}

const exported = (await import(await write(`${ID}.ts`, code('check'), 'lambda/checks'))) as Record<string, Check>;
const registered = exported[code('registry').trim().replace(',', '')];
if (registered === undefined) throw new Error('the registry line of CONTRIBUTING.md names no export of the check');
const check = registered;
const checks = [...CHECKS, check];

describe('the test of CONTRIBUTING', async () => {
  await import(await write(`${ID}.test.ts`, code('test'), 'test/checks'));
});

describe('the check of CONTRIBUTING, beside the others', () => {
  const settings = known({ values: { ...make.SETTINGS, ssl_max_protocol_version: 'TLSv1.2' }, seesAll: true });
  const snapshot = make.healthySnapshot([], { settings });
  const evaluation = evaluate(snapshot, { ...make.POLICY, preferredTlsVersion: 'TLSv1.3' }, checks);
  const report = buildReport({
    startedAt: make.NOW,
    finishedAt: make.NOW,
    policy: make.POLICY,
    audited: [{ snapshot, ...evaluation }],
  });

  test('is named after its file', () => expect(check.id).toBe(ID));

  test('finds, with its remedy, and is the only one that does', () => {
    expect(evaluation.findings).toMatchObject([
      { check: ID, remedy: expect.stringContaining("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.3';") },
    ]);
    expect(report.findings).toMatchObject([{ check: ID }]);
  });

  test('is in the catalogue with its subject and requirements, and so in the exports', () => {
    expect(catalogue(checks).at(-1)).toMatchObject({ id: ID, subject: 'server', requirements: check.requirements });
    const text = wholeText(renderSarif(report, { catalogue: catalogue(checks), toolVersion: '1.0.0' }));
    const [{ tool, results }] = (
      JSON.parse(text) as { runs: [{ tool: { driver: { rules: object[] } }; results: object[] }] }
    ).runs;
    expect(results).toMatchObject([{ ruleId: ID }]);
    expect(tool.driver.rules).toContainEqual(
      expect.objectContaining({
        id: ID,
        properties: expect.objectContaining({ tags: expect.arrayContaining(['PCI DSS v4.0.1 12.3.3']) }),
      }),
    );
  });
});
