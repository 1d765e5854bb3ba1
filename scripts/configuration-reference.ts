// Renders the reference of the configuration from its JSON Schema: one table for each part of the document.

import { code, markdownTable } from './markdown.ts';

/** The part of JSON Schema that the configuration uses. */
export interface JsonSchema {
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

interface Setting {
  /** From the root of the document: `alerts.routes[].name`. */
  readonly path: string;
  readonly row: readonly string[];
}

const HEADING = ['Setting', 'Type', 'Default', 'Meaning'];

/**
 * A table of the settings that stand alone at the top, then a heading and a table for each object and list of objects.
 */
export function configurationReference(schema: JsonSchema): string {
  const all = settings(schema, '').filter(({ path }) => path !== '$schema');
  const bySection = Map.groupBy(all, ({ path }) => sectionOf(path, schema));
  const table = (section: string): string =>
    markdownTable(
      HEADING,
      (bySection.get(section) ?? []).map(({ row }) => row),
    );
  const sections = [...bySection.keys()].filter((section) => section !== TOP);
  return [`### At the top\n\n${table(TOP)}`, ...sections.map((name) => `### \`${name}\`\n\n${table(name)}`)].join('\n');
}

const TOP = '';

function sectionOf(path: string, { properties = {} }: JsonSchema): string {
  const name = /^[^.[]+/.exec(path)?.[0] ?? '';
  const part = properties[name];
  const within = part?.type === 'array' ? part.items : part;
  return within?.properties === undefined ? TOP : name;
}

/** Those of objects and of lists of objects after their parents. */
function settings(schema: JsonSchema, prefix: string): readonly Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, setting]) => {
    const list = setting.type === 'array';
    const path = `${prefix}${name}${list ? '[]' : ''}`;
    const within = list ? (setting.items ?? {}) : setting;
    const isRequired = schema.required?.includes(name) === true;
    const nested = settings(within, `${path}.`);
    const meaning = setting.description ?? within.description ?? '';
    const row = [code(path), typeOf(within), defaultOf(setting, isRequired, nested.length > 0), meaning];
    return nested.length > 0 && meaning === '' ? nested : [{ path, row }, ...nested];
  });
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(value)).join(', ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object' && schema.properties !== undefined) {
    return code(`{${Object.keys(schema.properties).join(', ')}}`);
  }
  return schema.type ?? '';
}

function defaultOf({ default: value }: JsonSchema, isRequired: boolean, isParent: boolean): string {
  if (isRequired) return 'required';
  return value === undefined || isParent ? '' : code(value);
}
