// Writes the API reports: every name that the package exports, with its type.

import { API_REPORTS, writeReports } from './package/api-reports.ts';
import { withDeclarations } from './package/declarations.ts';

await withDeclarations((modules) => writeReports(modules, API_REPORTS));
