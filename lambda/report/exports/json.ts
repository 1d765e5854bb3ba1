// Renders the report document itself.

import type { Exporter } from './exporter.ts';

export const exporter: Exporter = {
  name: 'json',
  mediaType: 'application/json',
  extension: 'json',
  needs: [],
  render: (report) => `${JSON.stringify(report, null, 2)}\n`,
};
