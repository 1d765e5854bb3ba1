// Renders the report document itself.

import type { Report } from '../schema.ts';
import type { Exporter } from './exporter.ts';
import { jsonDocument, jsonList, jsonObject } from './json-text.ts';

/** Two-space indented JSON. */
function renderJson(report: Report): Iterable<string> {
  const parts = Object.entries(report).map(([key, value]) => [key, Array.isArray(value) ? jsonList(value) : value]);
  return jsonDocument(jsonObject(Object.fromEntries(parts)));
}

export const exporter: Exporter = {
  name: 'json',
  mediaType: 'application/json',
  extension: 'json',
  needs: [],
  render: renderJson,
};
