#!/usr/bin/env node
// The command line: arguments in, report out, and an exit code that is 0 only when everything was seen.

import { installCrashHandlers } from './command-line/crash.ts';

installCrashHandlers();
const { run } = await import('./command-line/run.ts');
// Nothing that may still be open, such as a request that was abandoned, holds the process.
process.exit(await run(process.argv.slice(2)));
