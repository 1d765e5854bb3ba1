// Makes a report of a connection log, for the formats that are made from reports.

import { LOG_CHECKS } from '../../../lambda/checks/logins/evaluate-logins.ts';
import type { Finding, Outcome } from '../../../lambda/model/finding.ts';
import { unknown } from '../../../lambda/model/observed.ts';
import type { Policy } from '../../../lambda/model/policy.ts';
import type { TargetKind } from '../../../lambda/model/target.ts';
import { buildReport } from '../../../lambda/report/build-report.ts';
import type { LogsDocument } from '../../../lambda/report/logs-schema.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import { displayTime } from '../../../lambda/report/text.ts';

export interface EvaluatedLog {
  readonly target: string;
  readonly kind: TargetKind;
  readonly policy: Policy;
  readonly findings: readonly Finding[];
  /** When the command ran. ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
}

/**
 * A report whose only target is the log. No check of it passes, and it is never clean: a log acquits no client. The
 * reason of each check says which time the log is of, and what could not be read.
 */
export function logsReport(document: LogsDocument, log: EvaluatedLog): Report {
  const { target, kind, policy, findings, startedAt, finishedAt } = log;
  const notInLog = unknown('a connection log does not show it');
  const found = new Set(findings.map(({ check }) => check));
  const outcomes = LOG_CHECKS.map(({ id }) => ({
    check: id,
    outcome: found.has(id) ? withFindings(document) : withoutFinding(document),
  }));
  return buildReport({
    startedAt,
    finishedAt,
    policy,
    audited: [
      {
        snapshot: {
          target: { name: target, labels: {}, kind },
          takenAt: document.window.to ?? finishedAt,
          credentials: notInLog,
          serverChain: notInLog,
          link: notInLog,
          server: notInLog,
          visibility: notInLog,
          sessions: notInLog,
          settings: notInLog,
          hba: notInLog,
          outbound: notInLog,
          trust: notInLog,
          clientCertificate: notInLog,
        },
        verdict: document.complete && findings.length > 0 ? 'findings' : 'unknown',
        outcomes,
        findings,
      },
    ],
  });
}

/** The problems themselves are in the findings. */
function withFindings(document: LogsDocument): Outcome {
  return {
    status: 'fail',
    problems: [],
    incomplete: [`${linesOf(document)} were read, and nothing else`, ...document.gaps].join('; '),
  };
}

function withoutFinding(document: LogsDocument): Outcome {
  const reason = `${linesOf(document)} show no such login, which is no proof that there was none`;
  return { status: 'unknown', reason: [reason, ...document.gaps].join('; ') };
}

function linesOf({ lines, window: { from, to } }: LogsDocument): string {
  const window = from === null || to === null ? '' : ` from ${displayTime(from)} to ${displayTime(to)}`;
  return `the ${lines.read} lines${window}`;
}
