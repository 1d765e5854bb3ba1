// Prints what the process that imports it has cost, on standard error, when that process ends.

import { writeSync } from 'node:fs';

process.on('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  // maxRSS is in kilobytes, times are in microseconds.
  writeSync(2, `${JSON.stringify({ peakBytes: maxRSS * 1024, processorMs: (userCPUTime + systemCPUTime) / 1000 })}\n`);
});
