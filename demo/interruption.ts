// Turns Ctrl-C and other signals into an AbortSignal, so that everything is cleaned up and the process ends by itself.

/** Why the demo ended early, and with which exit code: 128 and the signal's number, as shells count. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly exitCode: number;

  constructor(signal: keyof typeof EXIT_CODES) {
    super(signal);
    this.exitCode = EXIT_CODES[signal];
  }
}

const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/**
 * Aborts with an `Interruption` when the process is asked to end, or when the reader of its output is gone. Signals
 * after the first change nothing: npm passes on the Ctrl-C that the terminal has sent us already.
 */
export function interruptions(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => controller.abort(new Interruption(signal)));
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => controller.abort(new Interruption('SIGPIPE')));
  }
  return controller.signal;
}
