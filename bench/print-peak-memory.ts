// Prints the peak memory of the process that imports it, in bytes, on standard error when that process ends.

import { writeSync } from 'node:fs';

process.on('exit', () => {
  // maxRSS is in kilobytes.
  writeSync(2, `${process.resourceUsage().maxRSS * 1024}\n`);
});
