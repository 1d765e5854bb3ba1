// What a release promises: the same bytes from every clone, what is bundled, an API that changes only where it is seen.
// It needs the packed package, so it runs where that is given.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packElsewhere } from './elsewhere.ts';
import { appFolder, temporaryFolder } from './install.ts';

// What is slow to load is loaded where it is needed: npm test skips all of it.
const TARBALL = process.env.PG_TLS_AUDITOR_PACKAGE ?? 'build';
const isGiven = TARBALL !== 'build';
if (!isGiven) process.stderr.write('tests of a release skipped: PG_TLS_AUDITOR_PACKAGE names no tarball\n');

describe.runIf(isGiven)('the package', { timeout: 400_000 }, () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;
  beforeAll(async () => {
    temporary = await temporaryFolder();
    folder = join(await appFolder(temporary.path, TARBALL, 'module'), 'node_modules', 'pg-tls-auditor');
  });
  afterAll(() => temporary?.[Symbol.asyncDispose]());

  test('has the same bytes when it is built in another folder, under another umask', async () => {
    const other = await packElsewhere(temporary.path);
    expect((await readFile(other)).equals(await readFile(TARBALL))).toBe(true);
  });

  test('has a valid bill of materials of what is bundled, and the licences of all of it', async () => {
    const { Spec, Validation } = await import('@cyclonedx/cyclonedx-library');
    const text = await readFile(join(folder, 'sbom.cdx.json'), 'utf8');
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)).toBeNull();
    const { components } = JSON.parse(text) as { components: readonly { 'bom-ref': string }[] };
    const ids = components.map((component) => component['bom-ref']);
    const names = ids.map((id) => id.slice(0, id.lastIndexOf('@')));
    expect(names).toEqual(expect.arrayContaining(['pg', 'zod', 'commander', '@aws-sdk/client-sns', 'ipaddr.js']));
    for (const name of ['esbuild', 'aws-cdk-lib', 'constructs', 'vitest', 'typescript']) {
      expect(names).not.toContain(name);
    }
    const licenses = await readFile(join(folder, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    expect(ids.filter((id) => !licenses.includes(`\n${id}  `))).toEqual([]);
  });

  test('has pages about its API', () => {
    expect(readdirSync(join(folder, 'docs', 'api', 'lib'))).toContain('pg-tls-auditor.pgtlsauditorprops.md');
    expect(readdirSync(join(folder, 'docs', 'api', 'report'))).toContain('pg-tls-auditor.parsereport.md');
  });
});

describe.runIf(isGiven)('the API', { timeout: 400_000 }, () => {
  const read = (folder: string, name: string): string => readFileSync(join(folder, `${name}.api.md`), 'utf8');

  test('is that of the reports in docs/api, and without a prop it is another one', async () => {
    const { API_REPORTS, REPORT_NAMES, writeReports } = await import('../../scripts/package/api-reports.ts');
    const { withDeclarations } = await import('../../scripts/package/declarations.ts');
    await using temporary = await temporaryFolder();
    const [before, after] = [join(temporary.path, 'before'), join(temporary.path, 'after')];
    await mkdir(after);
    await withDeclarations((modules, declarations) => {
      writeReports(modules, before);
      const props = join(declarations, 'lib', 'pg-tls-auditor-props.d.ts');
      const declared = readFileSync(props, 'utf8');
      const without = declared.replace(/^.*\bauditorName\?: .*\n/m, '');
      expect(without).not.toBe(declared);
      writeFileSync(props, without);
      writeReports(
        modules.filter(({ name }) => name === 'lib'),
        after,
      );
    });
    for (const name of Object.values(REPORT_NAMES)) {
      expect(read(before, name), 'the API has changed: npm run api, and review the change').toBe(
        read(API_REPORTS, name),
      );
    }
    const lines = new Set(read(after, REPORT_NAMES.lib).split('\n'));
    const gone = read(before, REPORT_NAMES.lib)
      .split('\n')
      .filter((line) => !lines.has(line));
    expect(gone).toEqual(['    readonly auditorName?: string | undefined;']);
  });
});
