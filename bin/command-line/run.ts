// From arguments to an exit code: parses, runs the command, tells mistakes.

import { CommanderError } from 'commander';
import { StateError } from '../../lambda/deliver/state/store.ts';
import { UnsafeEnvironmentError } from '../../lambda/runtime/unsafe-environment.ts';
import { createProgram } from './grammar/program.ts';
import { UsageError } from './grammar/usage-error.ts';
import { EXIT_CODES, type ExitCode } from './terminal/exit-code.ts';
import { flushed, logStderr } from './terminal/terminal.ts';

export async function run(argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT_CODES.failed;
  // Commands are loaded when they are wanted: help need not wait for the drivers of databases and clouds.
  const program = createProgram(argv, {
    audit: async (options) => {
      const { audit } = await import('./commands/audit.ts');
      exitCode = await audit(options);
    },
    discover: async (options) => {
      const { discover } = await import('./commands/discover.ts');
      exitCode = await discover(options);
    },
    checks: async (options) => {
      const { checks } = await import('./commands/checks.ts');
      exitCode = await checks(options);
    },
    explain: async (check, options) => {
      const { explain } = await import('./commands/explain.ts');
      exitCode = await explain(check, options);
    },
    mute: async (fingerprint, options) => {
      const { mute } = await import('./commands/mute.ts');
      exitCode = await mute(fingerprint, options);
    },
    history: async (options) => {
      const { history } = await import('./commands/history.ts');
      exitCode = await history(options);
    },
    plan: async (options) => {
      const { plan } = await import('./commands/plan.ts');
      exitCode = await plan(options);
    },
    logs: async (files, options) => {
      const { logs } = await import('./commands/logs.ts');
      exitCode = await logs(files, options);
    },
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) {
      if (error.code === 'commander.excessArguments' && argv.some((argument) => argument.includes('://'))) {
        logStderr('(a server is named with --url)');
      }
      await flushed();
      return error.exitCode === 0 ? EXIT_CODES.passed : EXIT_CODES.failed;
    }
    if (!isMistake(error)) throw error;
    logStderr(`error: ${error.message}`);
    return EXIT_CODES.failed;
  }
}

/** What the person who typed the command can mend. */
function isMistake(error: unknown): error is Error {
  return error instanceof UsageError || error instanceof StateError || error instanceof UnsafeEnvironmentError;
}
