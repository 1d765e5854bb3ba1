// Collects what the page of a run shows beyond that run: readiness to refuse plaintext, and logins by day.

import { fromClientRecord, loginDayCounter } from './analysis/connection-log/login-days.ts';
import { describeDefect } from './collect/defect.ts';
import { type PlanInput, planReadiness } from './enforcement/plan.ts';
import type { ClientRecord } from './model/client-record.ts';
import type { FindingRecord } from './model/lifecycle.ts';
import type { Run } from './model/run.ts';
import type { PageOptions } from './report/page/report-page.ts';

export type PageHistory = Required<Pick<PageOptions, 'readiness' | 'logins'>>;

export interface PageHistoryCollector {
  /** Adds what is kept of the clients of a target of the run. */
  add(target: string, record: ClientRecord): void;
  /** Targets of the run that were not added are not known. */
  history(): PageHistory;
}

/** Of plans and of logins by day. */
const DAYS = 30;
/** A page shows no more reasons of one target. */
const MOST_REASONS = 4;

/** Keeps a few words of each target: the records of a whole fleet would not fit into memory. */
export function collectPageHistory({ audited, finishedAt, policy }: Run): PageHistoryCollector {
  const now = Date.parse(finishedAt);
  const byTarget = new Map(audited.map((one) => [one.snapshot.target.name, one]));
  const readiness = new Map<string, PageHistory['readiness'][number]>();
  const logins = loginDayCounter({ until: now, days: DAYS });
  const add = (name: string, record: ClientRecord | undefined): void => {
    const findings = (byTarget.get(name)?.findings ?? []).map(
      (finding): Pick<FindingRecord, 'finding' | 'lastSeen' | 'status'> => ({
        finding,
        lastSeen: finishedAt,
        status: 'open',
      }),
    );
    readiness.set(name, { name, ...readinessOf({ name, record, findings, days: DAYS, now }) });
    logins.add(record === undefined ? undefined : fromClientRecord(record, policy.loopback));
  };
  return {
    add,
    history() {
      for (const name of byTarget.keys()) if (!readiness.has(name)) add(name, undefined);
      return { readiness: [...readiness.values()], logins: logins.days() };
    },
  };
}

/** What breaks the plan of one target, such as a record of another version, costs the page nothing else. */
function readinessOf(input: PlanInput): ReturnType<typeof planReadiness> {
  try {
    const { readiness, reasons } = planReadiness(input);
    return { readiness, reasons: reasons.slice(0, MOST_REASONS) };
  } catch (error) {
    return { readiness: 'unknown', reasons: [`the plan failed: ${describeDefect(error)}`] };
  }
}
