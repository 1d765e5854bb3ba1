// Every output format comes from one registry, and a new one is one file: here CSV, as CONTRIBUTING.md shows it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rendererFor } from '../../../bin/command-line/commands/formats.ts';
import { REPORT_FORMATS } from '../../../bin/command-line/grammar/options.ts';
import { entriesOf } from '../../../lambda/report/entries.ts';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import type { Exporter } from '../../../lambda/report/exports/exporter.ts';
import { EXPORTERS } from '../../../lambda/report/exports/index.ts';
import { badNight } from '../builders.ts';

// #region exporter
const exporter: Exporter = {
  name: 'csv',
  mediaType: 'text/csv',
  extension: 'csv',
  needs: [],
  render: (report, context) =>
    entriesOf(report, context)
      .map(({ finding, status }) => `${[finding.target, finding.check, finding.severity, status].join(',')}\n`)
      .join(''),
};
// #endregion

const OPTIONS = { failOn: 'medium', awsAccount: undefined } as const;

describe('the output formats', () => {
  test('are what --format takes, besides the table of the terminal', () => {
    expect(REPORT_FORMATS).toEqual(['table', ...Object.keys(EXPORTERS)]);
  });

  test.each(Object.entries(EXPORTERS))(
    '%s has its name, and renders a document that ends with a line end',
    async (name, load) => {
      const loaded = await load();
      expect(loaded.name).toBe(name);
      expect(loaded).toMatchObject({
        mediaType: expect.stringMatching(/^\w+\/[\w+.-]+$/),
        extension: expect.stringMatching(/^\w+$/),
      });
      const render = await rendererFor(
        { ...OPTIONS, format: name, awsAccount: loaded.needs.includes('aws') ? '123456789012' : undefined },
        { AWS_REGION: 'eu-west-1' },
      );
      expect(wholeText(render(badNight()))).toMatch(/[^\n]\n$/);
    },
  );

  test('take a new one as one file and one line of the registry', async () => {
    const exporters = { ...EXPORTERS, csv: async () => exporter };
    const render = await rendererFor({ ...OPTIONS, format: 'csv' }, {}, exporters);
    expect(wholeText(render(badNight())).split('\n').slice(0, 2)).toEqual([
      'orders,plaintext-session,critical,open',
      'ledger,target-not-audited,critical,open',
    ]);
  });

  test('CONTRIBUTING.md shows that one word for word', () => {
    const source = readFileSync(import.meta.filename, 'utf8');
    const [, example = ''] = /\/\/ #region exporter\nconst ([\s\S]*?)\/\/ #endregion/.exec(source) ?? [];
    const contributing = readFileSync(join(import.meta.dirname, '..', '..', '..', 'CONTRIBUTING.md'), 'utf8');
    expect(contributing.replaceAll(/^ {3}/gm, '')).toContain(`export const ${example}`);
  });
});
