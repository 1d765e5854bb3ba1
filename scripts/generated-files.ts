// Every file and part of a file that is made from the sources: JSON Schemas, and the README's tables.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../lambda/checks/registry.ts';
import { configJsonSchema } from '../lambda/config/index.ts';
import { FAILURE_CAUSES } from '../lambda/model/failure.ts';
import { logsJsonSchema } from '../lambda/report/logs-schema.ts';
import { reportJsonSchema } from '../lambda/report/schema.ts';

export const ROOT = join(import.meta.dirname, '..');

/** Path from the root to the content that the file should have. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['auditor.schema.json', json(configJsonSchema())],
    ['docs/report.schema.json', json(reportJsonSchema())],
    ['docs/logs.schema.json', json(logsJsonSchema())],
    ['README.md', withTables(readFileSync(join(ROOT, 'README.md'), 'utf8'))],
  ]);
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const TABLES: Readonly<Record<string, () => string>> = {
  checks: checkTable,
  configuration: configurationTable,
};

/** The README with its tables as they should be, each between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, table]) => {
    const place = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!place.test(text)) throw new Error(`README.md has no place for the table "${name}": <!-- ${name} -->`);
    return text.replace(place, (_match, start: string, end: string) => `${start}\n${table()}\n${end}`);
  }, readme);
}

function checkTable(): string {
  const rows = CHECKS.map(({ id, severity, severityNote, title, rationale }) => [
    `\`${id}\``,
    severityNote === undefined ? severity : `${severity}; ${severityNote}`,
    `${title}. ${rationale}`,
  ]);
  return markdownTable(['Check', 'Severity', 'What it says, and why it matters'], rows);
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
}

function configurationTable(): string {
  const rows = settings(configJsonSchema() as JsonSchema, '').filter(([path]) => path !== '`$schema`');
  return markdownTable(['Setting', 'Type', 'Default', 'Meaning'], rows);
}

/** One row for each setting, those of objects and of lists of objects after their parents. */
function settings(schema: JsonSchema, prefix: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, setting]) => {
    const list = setting.type === 'array';
    const path = `${prefix}${name}${list ? '[]' : ''}`;
    const within = list ? (setting.items ?? {}) : setting;
    const isRequired = schema.required?.includes(name) === true;
    const nested = settings(within, `${path}.`);
    const row = [
      `\`${path}\``,
      typeOf(within),
      defaultOf(setting, isRequired, nested.length > 0),
      setting.description ?? within.description ?? '',
    ];
    return nested.length > 0 && row[3] === '' ? nested : [row, ...nested];
  });
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(value)).join(', ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object' && schema.properties !== undefined) {
    return code(Object.keys(schema.properties).join(', '), (keys) => `{${keys}}`);
  }
  return schema.type ?? '';
}

function defaultOf({ default: value }: JsonSchema, isRequired: boolean, isParent: boolean): string {
  if (isRequired) return 'required';
  return value === undefined || isParent ? '' : code(value);
}

function code(value: unknown, show: (text: string) => string = (text) => text): string {
  return `\`${show(typeof value === 'string' ? value : JSON.stringify(value))}\``;
}

function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return `${[line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Causes that the README's troubleshooting section does not mention, each as `cause`. */
export function causesWithoutHelp(readme: string): readonly string[] {
  return FAILURE_CAUSES.filter((cause) => !readme.includes(`\`${cause}\``));
}
