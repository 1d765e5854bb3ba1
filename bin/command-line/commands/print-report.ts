// Prints a run's report, then saves the state: a crash in between repeats findings and never loses one.

import { StateError, type StateStore } from '../../../lambda/deliver/state/store.ts';
import { defaultReceiverOf, type NotifyContext, previewReport, withStateLease } from '../../../lambda/notify/notify.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import type { Interruption } from '../terminal/interruption.ts';
import { logStderr, print } from '../terminal/terminal.ts';
import type { Render } from './formats.ts';

/** Other runs are waited for so long: the lease of one that died ends after a minute. */
const LEASE_TIMEOUT_MS = 120_000;
/** A longer wait is mentioned on standard error. */
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

/** The reader of the report, such as `head`, closed it before its end. */
class NotReadError extends Error {
  override readonly name = 'NotReadError';
}

/** Prints the report even where the state fails: the findings matter more than their comparison with earlier runs. */
export async function printReport(context: NotifyContext, options: NotifyOptions): Promise<PrintResult> {
  const { store, render, interruption } = options;
  let printed: Report | undefined;
  const show = async (report: Report): Promise<boolean> => {
    // From here on a signal ends the program at once: nothing of the audit can be lost any more.
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
      logStderr(`the report was not read to its end: ${store?.name} was not changed`);
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
    () => logStderr(`waiting for another run that uses ${store?.name}`),
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

/** An interrupted run has not audited everything: it must not change the state. */
async function withoutSaving(
  context: NotifyContext,
  store: StateStore,
  notify: (report: Report) => Promise<void>,
): Promise<Report> {
  const report = await previewReport(context, store);
  logStderr(`interrupted: ${store.name} was not changed`);
  await notify(report);
  return report;
}
