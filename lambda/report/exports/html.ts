// Renders the report as one self-contained page: for people, offline, on a phone and in print.

import { renderReportPage } from '../page/report-page.ts';
import type { Exporter } from './exporter.ts';

export const exporter: Exporter = {
  name: 'html',
  mediaType: 'text/html',
  extension: 'html',
  needs: [],
  render: (report, { history, ...context }) => renderReportPage(report, context, history),
};
