// Ctrl-C and SIGTERM: the first ends the audit and keeps its report, the second ends the program.

import { constants } from 'node:os';
import { AuditFailure } from '../../../lambda/model/failure.ts';
import { logStderr } from './terminal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Interruption extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
}

/** Until it is disposed of, signals no longer end the program at once. */
export function interruptSignal(host: Pick<NodeJS.Process, 'on' | 'off' | 'exit'> = process): Interruption {
  const controller = new AbortController();
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    if (controller.signal.aborted) {
      host.exit(128 + constants.signals[name]);
    }
    // The terminal has shown ^C beside whatever stood there.
    const newLine = process.stderr.isTTY ? '\n' : '';
    logStderr(
      `${newLine}interrupted (${name}): databases that are not done yet are reported as not audited; interrupt again to end at once`,
    );
    controller.abort(
      new AuditFailure({
        cause: 'interrupted',
        phase: 'waiting',
        message: `The audit was interrupted (${name}) before this database was done`,
        remedy: 'run it again',
      }),
    );
  };
  for (const name of SIGNALS) host.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of SIGNALS) host.off(name, onSignal);
    },
  };
}
