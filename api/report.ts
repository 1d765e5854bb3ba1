// Exports what consumers of reports use: the parser, the JSON Schema, the types.

export { type Report, reportJsonSchema } from '../lambda/report/schema.ts';
