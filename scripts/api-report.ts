// Writes the API reports: every name that the package exports, with its type.

import { API_REPORTS, writeReports } from './package/api-reports.ts';

await writeReports(API_REPORTS);
