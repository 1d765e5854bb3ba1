// Lists the output formats of a report. Each is loaded when it is used: the function must not import this file, because
// its bundle would hold them all.

import type { Exporter } from './exporter.ts';

/** By the name of the format, in the order in which `--help` lists them. */
export type Exporters = Readonly<Record<string, () => Promise<Exporter>>>;

export const EXPORTERS = {
  json: async () => (await import('./json.ts')).exporter,
  ocsf: async () => (await import('./ocsf.ts')).exporter,
  asff: async () => (await import('./asff.ts')).exporter,
  sarif: async () => (await import('./sarif.ts')).exporter,
  junit: async () => (await import('./junit.ts')).exporter,
  markdown: async () => (await import('./markdown.ts')).exporter,
  html: async () => (await import('./html.ts')).exporter,
} as const satisfies Exporters;
