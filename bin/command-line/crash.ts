// Ends the program when nothing else can. Node's own exit code for a crash is 1, which here means findings.

import { EXIT_CODES } from './terminal/exit-code.ts';

/** Node's exit code when a top-level `await` can never end. */
const NOTHING_LEFT_TO_DO = 13;

/** From here on, whatever is thrown and caught nowhere ends the program as "could not look". */
export function installCrashHandlers(): void {
  process.on('exit', (code) => {
    if (code === NOTHING_LEFT_TO_DO) process.exitCode = EXIT_CODES.failed;
  });
  process.on('uncaughtException', (error) => {
    process.stderr.write(`error: ${describeCrash(error)}\n`);
    process.exit(EXIT_CODES.failed);
  });
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Who reads has seen enough, as `head` does. The exit code stays that of the audit.
    if (code === 'EPIPE') return;
    process.stderr.write(`error: the output could not be written (${code}): check where it goes, and its free space\n`);
    process.exit(EXIT_CODES.failed);
  });
  // There is nowhere left to say it.
  process.stderr.on('error', () => {});
}

/** An error's place, not its message: a defect may have put anything there, a secret too. */
function describeCrash(error: unknown): string {
  if (!(error instanceof Error))
    return `pg-tls-auditor crashed: something was thrown that is no error (${typeof error})`;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND') return `${error.message}. Install what pg-tls-auditor needs: npm ci`;
  const name = code === undefined ? error.name : `${error.name} ${code}`;
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [`pg-tls-auditor crashed (${name}). Report it as a defect, with these lines:`, ...places].join('\n');
}
