// Renders every file, and every part of a file, that is made from the sources: JSON Schemas, tables, the checks' pages.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../lambda/checks/registry.ts';
import { configJsonSchema } from '../lambda/config/index.ts';
import { checkPagePath } from '../lambda/model/check-page.ts';
import { FAILURE_CAUSES } from '../lambda/model/failure.ts';
import { discoverJsonSchema } from '../lambda/report/discover-schema.ts';
import { logsJsonSchema } from '../lambda/report/logs-schema.ts';
import { reportJsonSchema } from '../lambda/report/schema.ts';
import { checkPage, severityText } from './check-page.ts';
import { configurationReference, type JsonSchema } from './configuration-reference.ts';
import { costTable } from './costs.ts';
import { markdownTable } from './markdown.ts';
import { type TypeSchema, typesModule } from './schema-types.ts';

export const ROOT = join(import.meta.dirname, '..');

/** The folder of the checks' pages, relative to the root. */
export const CHECK_PAGES = 'docs/checks';

/** Each page with a generated part, and what makes that part. */
const PARTS: Readonly<Record<string, { readonly name: string; readonly render: () => string }>> = {
  [`${CHECK_PAGES}/README.md`]: { name: 'checks', render: checkTable },
  'docs/costs.md': { name: 'costs', render: costTable },
  'docs/configuration.md': {
    name: 'configuration',
    render: () => configurationReference(configJsonSchema() as JsonSchema),
  },
};

/** Path from the root to the content that the file should have. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['auditor.schema.json', json(configJsonSchema())],
    ['docs/report.schema.json', json(reportJsonSchema())],
    ['docs/logs.schema.json', json(logsJsonSchema())],
    ['docs/discover.schema.json', json(discoverJsonSchema())],
    [
      'lib/auditor-config.generated.ts',
      typesModule(configJsonSchema() as TypeSchema, {
        header: 'The type of the configuration as people write it. Made by npm run generate.',
        name: 'AuditorConfig',
        description: 'The content of `auditor.config.json`. What is not given has its default.',
      }),
    ],
    [
      'api/report.generated.ts',
      typesModule(reportJsonSchema() as TypeSchema, {
        header: 'The type of the report document. Made by npm run generate.',
        name: 'AuditReport',
        description:
          'The report of a run, as `--format json` prints it, and as messages and the evidence archive hold it.',
      }),
    ],
    ...CHECKS.map((check): [string, string] => [checkPagePath(check.id), checkPage(check)]),
    ...Object.entries(PARTS).map(([path, { name, render }]): [string, string] => [
      path,
      withGeneratedPart(readFileSync(join(ROOT, path), 'utf8'), { path, name, content: render() }),
    ]),
  ]);
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export interface GeneratedPart {
  /** The page, for the error message. */
  readonly path: string;
  readonly name: string;
  /** Markdown that ends with a line break. */
  readonly content: string;
}

/**
 * The page with the part between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
 *
 * @throws Error where the page has no such place
 */
export function withGeneratedPart(page: string, { path, name, content }: GeneratedPart): string {
  const place = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!place.test(page)) {
    throw new Error(`${path} has no place for the part "${name}": add <!-- ${name} --> and <!-- /${name} --> to it`);
  }
  return page.replace(place, (_match, start: string, end: string) => `${start}\n${content}\n${end}`);
}

function checkTable(): string {
  const rows = CHECKS.map((check) => [`[\`${check.id}\`](${check.id}.md)`, severityText(check), check.title]);
  return markdownTable(['Check', 'Severity', 'What a finding says'], rows);
}

/** Causes of failure that the troubleshooting page does not mention, each as `cause`. */
export function causesWithoutHelp(page: string): readonly string[] {
  return FAILURE_CAUSES.filter((cause) => !page.includes(`\`${cause}\``));
}
