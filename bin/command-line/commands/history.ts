// Implements the command `history`: the insecure clients of the last days, from the state.

import pMap from 'p-map';
import { insecureClientChecks, sessionHidingChecks } from '../../../lambda/checks/catalogue.ts';
import { history as rowsOf } from '../../../lambda/lifecycle/history.ts';
import { displayText } from '../../../lambda/model/display.ts';
import { quoteName } from '../../../lambda/model/given-text.ts';
import type { AuditState } from '../../../lambda/model/lifecycle.ts';
import { DAY_MS, systemClock } from '../../../lambda/model/time.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import type { HistoryOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { logStoreFor, readState, servicesOfState } from '../targets/state.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import type { HistoryDocument, HistoryGap } from '../terminal/history-document.ts';
import { outputColumns, print, showsColour } from '../terminal/terminal.ts';

/** A message names this many targets at most. */
const NAMES_SHOWN = 20;
/** A fleet has thousands of records. */
const CONCURRENT_READS = 16;
/** The state does not record which policy a run had. */
const DEPRECATED_BELOW = 'TLSv1.2';

/** @throws UsageError, StateError */
export async function history(options: HistoryOptions): Promise<ExitCode> {
  const { state: spec, days, target: names, format } = options;
  refuseUnsafeEnvironment({ ...thisProcess(), services: servicesOfState(spec) });
  if (spec === undefined) {
    throw new UsageError('history needs --state: the file, or dynamodb:TABLE, in which runs keep their state');
  }
  const { name, state } = await readState(spec);
  const wanted = narrowed(state, name, names);
  const document = historyDocument(name, wanted, days, systemClock());
  if (format === 'html') await print(await asPage(document, [...wanted.targets.keys()], spec));
  else await print(format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : await asText(document));
  return EXIT_CODES.passed;
}

async function asText(document: HistoryDocument): Promise<string> {
  const { renderHistory } = await import('../terminal/history-table.ts');
  return renderHistory(document, { columns: outputColumns(), colour: showsColour(process.stdout) });
}

/** With the logins of connection logs, as far as they are recorded. */
async function asPage(document: HistoryDocument, targets: readonly string[], spec: string): Promise<string> {
  const [{ renderHistoryPage }, { fromLogRecord, loginDays }, logs] = await Promise.all([
    import('../../../lambda/report/page/history-page.ts'),
    import('../../../lambda/analysis/connection-log/login-days.ts'),
    logStoreFor(spec),
  ]);
  const records = await pMap(targets, async (name) => fromLogRecord((await logs.read(name)).state, DEPRECATED_BELOW), {
    concurrency: CONCURRENT_READS,
  });
  if (records.every((record) => record === undefined)) return renderHistoryPage(document, undefined);
  const { until, days } = document;
  return renderHistoryPage(document, loginDays(records, { until: Date.parse(until), days }));
}

/** The state of some targets, or of all. */
function narrowed(state: AuditState, store: string, names: readonly string[] | undefined): AuditState {
  const known = [...state.targets.keys()].sort();
  if (known.length === 0) {
    throw new UsageError(
      `${store} has no record of a run: run "npx pg-tls-auditor audit --state …" first, or name the state that your runs use`,
    );
  }
  if (names === undefined) return state;
  const unknownNames = names.filter((name) => !state.targets.has(name));
  if (unknownNames.length > 0) {
    throw new UsageError(`${store} has no target named ${quoted(unknownNames)}; it has ${quoted(known)}`);
  }
  const wanted = new Set(names);
  return {
    ...state,
    targets: new Map([...state.targets].filter(([name]) => wanted.has(name))),
    findings: new Map([...state.findings].filter(([, { finding }]) => wanted.has(finding.target))),
  };
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(quoteName);
  return shown.join(', ') + (names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '');
}

function historyDocument(store: string, state: AuditState, days: number, now: Date): HistoryDocument {
  const since = new Date(now.getTime() - days * DAY_MS).toISOString();
  const rows = rowsOf(state, { since, now: now.toISOString(), checks: insecureClientChecks() });
  return {
    schemaVersion: 1,
    state: store,
    days,
    since,
    until: now.toISOString(),
    recordedSince: oldest(state) ?? now.toISOString(),
    targets: [...state.targets.values()]
      .map(({ name, takenAt }) => ({ name: displayText(name), lastAudited: takenAt }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    clients: rows.map(({ role, database, application, ...row }) => ({
      ...row,
      target: displayText(row.target),
      ...(role === undefined ? {} : { role: displayText(role) }),
      ...(database === undefined ? {} : { database: displayText(database) }),
      ...(application === undefined ? {} : { application: displayText(application) }),
      clients: row.clients.map((client) => displayText(client)),
    })),
    notSeen: [...unaudited(state), ...stale(state, since)],
  };
}

/** The oldest time in the state: the state is at least as old. */
function oldest({ findings, targets, mutes }: AuditState): string | undefined {
  const moments = [
    ...[...findings.values()].map(({ firstSeen }) => firstSeen),
    ...[...mutes.values()].map(({ firstSeen }) => firstSeen),
    ...[...targets.values()].map(({ takenAt }) => takenAt),
  ];
  return moments.sort((a, b) => Date.parse(a) - Date.parse(b))[0];
}

/** Targets whose sessions could not all be seen: their clients are not known, which is not the same as no client. */
function unaudited({ findings }: AuditState): HistoryGap[] {
  const hiding = sessionHidingChecks();
  return [...findings.values()]
    .filter(({ finding, status }) => status === 'open' && hiding.includes(finding.check))
    .map(({ finding, openedAt }) => ({
      target: displayText(finding.target),
      since: openedAt,
      reason: `${finding.check}: ${displayText(finding.title, 200)}`,
    }));
}

function stale({ targets }: AuditState, since: string): HistoryGap[] {
  return [...targets.values()]
    .filter(({ takenAt }) => Date.parse(takenAt) < Date.parse(since))
    .map(({ name, takenAt }) => ({
      target: displayText(name),
      since: takenAt,
      reason: 'no run has audited it since',
    }));
}
