// What is made from the sources is in step with them, and means what they mean.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { configJsonSchema, parseConfig } from '../../lambda/config/index.ts';
import { reportJsonSchema } from '../../lambda/report/schema.ts';
import { checkPage } from '../../scripts/check-page.ts';
import { causesWithoutHelp, generatedFiles, ROOT, withGeneratedPart } from '../../scripts/generated-files.ts';
import { badNight, healthyReport, notAuditedTarget } from '../report/builders.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Compiles a schema the way an editor does: formats are notes, not rules. */
const compile = (schema: object) => new Ajv2020({ validateFormats: false, allErrors: true }).compile(schema);

describe('generated files', () => {
  test.each([...generatedFiles()])('%s is what "npm run generate" writes', (path, content) => {
    expect(read(path)).toBe(content);
  });

  test('a page without a place for its generated part is an error', () => {
    expect(() => withGeneratedPart('# no tables', { path: 'docs/x.md', name: 'checks', content: '' })).toThrow(
      'docs/x.md has no place for the part "checks"',
    );
  });

  test('the troubleshooting page helps with every cause of failure', () => {
    expect(causesWithoutHelp(read('docs/troubleshooting.md'))).toEqual([]);
  });

  test('text of a check shows as it is: no emphasis, no HTML, nothing but a label before a command', () => {
    const [check] = CHECKS;
    if (check === undefined) throw new Error('there is no check');
    const page = checkPage({
      ...check,
      remedy: 'Set app_* to <value>.\nRDS: aws rds modify-db-parameter-group --x <group>\nSELECT 1;',
    });
    expect(page).toContain('Set app\\_\\* to \\<value\\>.');
    expect(page).toContain('RDS:\n\n```\naws rds modify-db-parameter-group --x <group>\nSELECT 1;\n```');
  });
});

describe('the JSON Schema of the configuration', () => {
  const validate = compile(configJsonSchema());

  test.each(['auditor.config.example.json', 'examples/mixed-fleet.json'])('takes %s, as parseConfig does', (path) => {
    const example: unknown = JSON.parse(read(path));
    expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
    expect(() => parseConfig(example, { use: 'deployment' })).not.toThrow();
  });

  test.each([
    ['an unknown setting', { targets: [{ name: 'a', secret: 'b', sslmode: 'require' }] }],
    ['no targets', { targets: [] }],
    ['an unknown severity', { targets: [{ name: 'a', secret: 'b' }], alerts: { minSeverity: 'urgent' } }],
    ['a port out of range', { targets: [{ name: 'a', secret: 'b', port: 70_000 }] }],
    ['a minimum below TLSv1.2', { targets: [{ name: 'a', secret: 'b' }], policy: { minTlsVersion: 'TLSv1.1' } }],
  ])('refuses %s, as parseConfig does', (_what, document) => {
    expect(validate(document)).toBe(false);
    expect(() => parseConfig(document, { use: 'deployment' })).toThrow();
  });
});

describe('the JSON Schema of the report', () => {
  const validate = compile(reportJsonSchema());

  test.each([
    ['a run that found nothing', healthyReport()],
    ['a bad night', badNight()],
    ['a run that reached nothing', healthyReport({ targets: [notAuditedTarget()] })],
  ])('takes %s', (_what, report) => {
    expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  });

  test('refuses a report of another version, and one with a verdict it does not know', () => {
    expect(validate({ ...healthyReport(), schemaVersion: 2 })).toBe(false);
    const [target] = healthyReport().targets;
    expect(validate({ ...healthyReport(), targets: [{ ...target, verdict: 'ok' }] })).toBe(false);
  });
});
