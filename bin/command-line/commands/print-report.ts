// Prints a run's report, and remembers it where state is kept: print, then save, so that a crash repeats and never loses.

import { StateError, type StateStore } from '../../../lambda/deliver/state/store.ts';
import { defaultReceiverOf, type NotifyContext, previewReport, withStateLease } from '../../../lambda/notify/notify.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import type { Interruption } from '../terminal/interruption.ts';
import { logStderr, print } from '../terminal/terminal.ts';
import type { Render } from './formats.ts';

/** Milliseconds to wait for other runs: the turn of one that died is free after a minute. */
const LEASE_TIMEOUT_MS = 120_000;
/** Milliseconds of waiting that are worth a word. */
const WAIT_MESSAGE_DELAY_MS = 2_000;

export interface PrintResult {
  /** As it was printed. */
  readonly report: Report;
  /** Whether the state could be used as it was asked. */
  readonly stateUsed: boolean;
}

export interface NotifyOptions {
  readonly store: StateStore | undefined;
  readonly render: Render;
  /** Of the audit, and of the wait for other runs. Disposed of before anything is printed. */
  readonly interruption: Interruption;
}

/** The report was cut short by whoever read it. */
class NotReadError extends Error {
  override readonly name = 'NotReadError';
}

/** Prints whatever happens to the state: what was seen is worth more than what it is compared with. */
export async function printReport(context: NotifyContext, options: NotifyOptions): Promise<PrintResult> {
  const { store, render, interruption } = options;
  let printed: Report | undefined;
  const show = async (report: Report): Promise<boolean> => {
    // From here on a signal ends the program at once: nothing of the audit is lost any more.
    interruption[Symbol.dispose]();
    printed = report;
    return await print(render(report));
  };
  const notify = async (report: Report): Promise<void> => {
    if (!(await show(report)) && store !== undefined) throw new NotReadError();
  };
  try {
    const report = await (store !== undefined && interruption.signal.aborted
      ? withoutSaving(context, store, notify)
      : withLease(context, store, interruption, notify));
    return { report, stateUsed: true };
  } catch (error) {
    if (error instanceof NotReadError && printed !== undefined) {
      logStderr(`the report was not read to its end: what ${store?.name} remembers was left as it was`);
      return { report: printed, stateUsed: true };
    }
    if (!(error instanceof StateError)) throw error;
    const report = printed ?? (await previewReport(context, undefined));
    if (printed === undefined) await show(report);
    logStderr(`error: ${error.message}`);
    return { report, stateUsed: false };
  }
}

async function withLease(
  context: NotifyContext,
  store: StateStore | undefined,
  { signal }: Interruption,
  notify: (report: Report) => Promise<void>,
): Promise<Report> {
  const waiting = setTimeout(
    () => logStderr(`waiting for another run that decides with ${store?.name}`),
    WAIT_MESSAGE_DELAY_MS,
  );
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(LEASE_TIMEOUT_MS)]);
  try {
    return await withStateLease(
      defaultReceiverOf(context.config.alerts),
      context,
      { store, signal: timeout },
      async ({ report }) => {
        clearTimeout(waiting);
        await notify(report);
        return report;
      },
    );
  } finally {
    clearTimeout(waiting);
  }
}

/** A run that was interrupted has not looked at everything, and whoever interrupted it is not there to be told. */
async function withoutSaving(
  context: NotifyContext,
  store: StateStore,
  notify: (report: Report) => Promise<void>,
): Promise<Report> {
  const report = await previewReport(context, store);
  logStderr(`interrupted: what ${store.name} remembers was left as it was`);
  await notify(report);
  return report;
}
