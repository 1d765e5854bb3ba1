// Renders TypeScript types from a JSON Schema, with the meaning and the default of each property as comments.

import type { JsonSchema } from './configuration-reference.ts';

const COLUMNS = 120;

/** The part of JSON Schema that the configuration and the report use. */
export interface TypeSchema extends Omit<JsonSchema, 'type' | 'properties' | 'items' | 'anyOf'> {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, TypeSchema>>;
  readonly items?: TypeSchema;
  readonly anyOf?: readonly TypeSchema[];
  readonly additionalProperties?: TypeSchema | boolean;
  readonly propertyNames?: TypeSchema;
}

/** What the file begins with, and the type that it exports. */
export interface TypeNames {
  /** The first comment of the module. */
  readonly header: string;
  readonly name: string;
  /** What the type is. */
  readonly description: string;
}

/** A module that exports the type of the documents that the schema allows. */
export function typesModule(schema: TypeSchema, { header, name, description }: TypeNames): string {
  return `// ${header}\n\n${comment([description], '')}export interface ${name} ${objectType(schema, '')}\n`;
}

function typeOf(schema: TypeSchema, indent: string): string {
  const { type, properties, items, anyOf, enum: values } = schema;
  if (values !== undefined) return values.map(literal).join(' | ');
  if (schema.const !== undefined) return literal(schema.const);
  if (properties !== undefined) return objectType(schema, indent);
  // Programs compute numbers: which ones are allowed is checked when the document is parsed.
  if (anyOf?.every(({ const: value }) => typeof value === 'number')) return 'number';
  if (anyOf !== undefined) return [...new Set(anyOf.map((each) => typeOf(each, indent)))].join(' | ');
  if (Array.isArray(type)) return type.map((each) => typeOf({ ...schema, type: each }, indent)).join(' | ');
  if (type === 'array') return listType(typeOf(items ?? {}, indent));
  if (type === 'object') return recordType(schema, indent);
  if (type === 'integer') return 'number';
  if (typeof type === 'string') return type;
  throw new Error(`no type is known for the schema ${JSON.stringify(schema)}`);
}

/** A value as a type. */
function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function listType(item: string): string {
  return /^\w+$/.test(item) ? `${item}[]` : `Array<${item}>`;
}

function recordType({ propertyNames, additionalProperties }: TypeSchema, indent: string): string {
  const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'unknown';
  return `Record<${propertyNames?.enum === undefined ? 'string' : typeOf(propertyNames, indent)}, ${value}>`;
}

function objectType({ properties = {}, required = [] }: TypeSchema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, property]) => {
    const { description = property.items?.description, default: value } = property;
    const facts = [
      ...(description === undefined ? [] : [description]),
      ...(value === undefined || typeof value === 'object' ? [] : [`@default ${value}`]),
    ];
    const isRequired = required.includes(name);
    const key = `${inner}${/^[\w$]+$/.test(name) ? name : literal(name)}${isRequired ? '' : '?'}:`;
    const type = `${typeOf(property, inner)}${isRequired ? '' : ' | undefined'};`;
    const isLong = !type.includes('\n') && key.length + 1 + type.length > COLUMNS;
    const shown = isLong
      ? wrapped(type, COLUMNS - inner.length - 2).map((line) => `\n${inner}  ${line}`)
      : [` ${type}`];
    return `${comment(facts, inner)}${key}${shown.join('')}\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

/** Each fact begins a line. */
function comment(facts: readonly string[], indent: string): string {
  const lines = facts.flatMap((fact) => wrapped(fact.replaceAll('*/', '*\\/'), COLUMNS - indent.length - ' * '.length));
  const [only = ''] = lines;
  if (lines.length === 0) return '';
  if (lines.length === 1 && only.length + indent.length + '/**  */'.length <= COLUMNS)
    return `${indent}/** ${only} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
