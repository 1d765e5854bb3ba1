// The report as OCSF events (Open Cybersecurity Schema Framework 1.6.0), class Compliance Finding: what was found, and
// for each check and target what was looked at without a finding, or could not be seen.

import ipaddr from 'ipaddr.js';
import { cachedBy } from '../../model/cached-by.ts';
import type { CheckInfo } from '../../model/check-info.ts';
import { displayText } from '../../model/display.ts';
import { addressOf, type Entry, entriesOf, factLines, historyTexts, labelsText, TOOL } from '../entries.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { PLAIN, remedyText, title, who } from '../text.ts';
import type { ExportContext, Exporter } from './exporter.ts';
import {
  ACTIVITIES,
  CATEGORY_UID,
  CLASS_UID,
  COMPLIANCE,
  type Enumerated,
  OCSF_VERSION,
  type OcsfEvent,
  type OcsfEvidence,
  type OcsfResource,
  SEVERITY_IDS,
  STATUSES,
  UNKNOWN_SEVERITY,
} from './ocsf-event.ts';
import { requirementTexts, standardsOf } from './requirements.ts';

/** A JSON array, one event a line. */
export function* renderOcsf(report: Report, context: ExportContext): Generator<string> {
  let before = '[\n';
  for (const event of eachEvent(report, context)) {
    yield before + JSON.stringify(event);
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

/** One event for each finding, then one for each check and target that has none or could not see everything. */
export function ocsfEvents(report: Report, context: ExportContext): OcsfEvent[] {
  return [...eachEvent(report, context)];
}

function* eachEvent(report: Report, context: ExportContext): Generator<OcsfEvent> {
  const checks = new Map(context.catalogue.map((check) => [check.id, check]));
  for (const entry of entriesOf(report, context)) yield findingEvent(entry, report, context);
  for (const target of report.targets) {
    for (const outcome of target.checks) {
      // A failed check's findings tell; a reason besides says that there may be more.
      if (outcome.status === 'fail' && outcome.reason === undefined) continue;
      yield outcomeEvent(outcome, target, checks.get(outcome.id), report, context);
    }
  }
}

function findingEvent(entry: Entry, report: Report, context: ExportContext): OcsfEvent {
  const { finding, check, target, isObserved } = entry;
  const time = isObserved && target !== undefined ? target.takenAt : report.finishedAt;
  const what = title(finding, PLAIN);
  const references = check?.references ?? [];
  return {
    ...classification(activityOf(entry, report)),
    ...severity(SEVERITY_IDS[finding.severity]),
    ...status(statusOf(entry)),
    time: Date.parse(time),
    message: [what, who(finding, PLAIN)].filter((part) => part !== undefined).join(': '),
    metadata: metadata(`${finding.fingerprint}@${report.startedAt}`, finding.check, time, context),
    finding_info: {
      uid: finding.fingerprint,
      title: what,
      desc: factLines(entry).join('; ') || what,
      types: [finding.check],
      analytic: analytic(finding.check, check),
      created_time: Date.parse(entry.openedAt),
      modified_time: Date.parse(time),
      first_seen_time: Date.parse(entry.firstSeen),
      last_seen_time: Date.parse(entry.lastSeen),
    },
    compliance: {
      ...control(finding.check, check),
      ...status(complianceOf(entry)),
      status_details: [what, ...historyTexts(entry)],
    },
    resources: [target === undefined ? unknownResource(finding.target) : resourceOf(target)],
    remediation: {
      desc: remedyText(finding.remedy) || 'No remedy is known.',
      ...(references.length === 0 ? {} : { references }),
    },
    evidences: [evidence(finding)],
  };
}

/** Without state each run stands alone, and its findings are all first ones. */
function activityOf({ status, reason, openedAt, lastSeen, isObserved }: Entry, { state }: Report): Enumerated {
  if (status === 'resolved') return ACTIVITIES.close;
  const isFirst = reason === 'new' || reason === 'observed' || (isObserved && openedAt === lastSeen);
  return isFirst || state !== 'kept' ? ACTIVITIES.create : ACTIVITIES.update;
}

/** A finding whose check or target no longer exists is archived, which does not prove that it is fixed. */
function statusOf({ status, resolution }: Entry): Enumerated {
  if (status === 'muted') return STATUSES.suppressed;
  if (status === 'open') return STATUSES.new;
  return resolution === 'gone' || resolution === 'not-applicable' ? STATUSES.resolved : STATUSES.archived;
}

function complianceOf({ status, resolution }: Entry): Enumerated {
  if (status !== 'resolved') return COMPLIANCE.fail;
  if (resolution === 'gone') return COMPLIANCE.pass;
  return resolution === 'not-applicable' ? COMPLIANCE.notApplicable : COMPLIANCE.unknown;
}

type CheckOutcome = ReportTarget['checks'][number];

/** How a look came out that has no finding to show for it: also "could not see" is evidence. */
const OUTCOMES: Readonly<
  Record<CheckOutcome['status'], { compliance: Enumerated; severity: Enumerated; status: Enumerated; words: string }>
> = {
  pass: {
    compliance: COMPLIANCE.pass,
    severity: SEVERITY_IDS.info,
    status: STATUSES.resolved,
    words: 'looked for and not found',
  },
  'not-applicable': {
    compliance: COMPLIANCE.notApplicable,
    severity: SEVERITY_IDS.info,
    status: STATUSES.resolved,
    words: 'the check does not apply',
  },
  unknown: {
    compliance: COMPLIANCE.warning,
    severity: UNKNOWN_SEVERITY,
    status: STATUSES.new,
    words: 'could not be seen',
  },
  fail: {
    compliance: COMPLIANCE.warning,
    severity: UNKNOWN_SEVERITY,
    status: STATUSES.new,
    words: 'not everything could be seen',
  },
  error: {
    compliance: COMPLIANCE.unknown,
    severity: UNKNOWN_SEVERITY,
    status: STATUSES.new,
    words: 'the check crashed',
  },
};

function outcomeEvent(
  { id, status: result, reason }: CheckOutcome,
  target: ReportTarget,
  check: CheckInfo | undefined,
  report: Report,
  context: ExportContext,
): OcsfEvent {
  const outcome = OUTCOMES[result];
  const uid = `${id}/${target.name}`;
  const what = `${PLAIN.prose(check?.title ?? id)}: ${outcome.words}`;
  const why = reason === undefined ? what : PLAIN.prose(reason);
  return {
    ...classification(ACTIVITIES.create),
    ...severity(outcome.severity),
    ...status(outcome.status),
    time: Date.parse(target.takenAt),
    message: `${what} (${PLAIN.target(target.name)})`,
    metadata: metadata(`${uid}@${report.startedAt}`, id, target.takenAt, context),
    finding_info: { uid, title: what, desc: why, types: [id], analytic: analytic(id, check) },
    compliance: { ...control(id, check), ...status(outcome.compliance), status_details: [why] },
    resources: [resourceOf(target)],
    ...(result !== 'pass' && result !== 'not-applicable' && target.error !== undefined
      ? { remediation: { desc: remedyText(target.error.remedy) } }
      : {}),
  };
}

function classification([activity, name]: Enumerated) {
  return {
    activity_id: activity,
    activity_name: name,
    category_uid: CATEGORY_UID,
    category_name: 'Findings',
    class_uid: CLASS_UID,
    class_name: 'Compliance Finding',
    type_uid: CLASS_UID * 100 + activity,
    type_name: `Compliance Finding: ${name}`,
  };
}

function severity([id, caption]: Enumerated) {
  return { severity_id: id, severity: caption };
}

function status([id, caption]: Enumerated) {
  return { status_id: id, status: caption };
}

function metadata(uid: string, check: string, time: string, { toolVersion }: ExportContext): OcsfEvent['metadata'] {
  return {
    version: OCSF_VERSION,
    product: { name: TOOL, vendor_name: TOOL, version: toolVersion },
    uid,
    event_code: check,
    original_time: time,
  };
}

function analytic(id: string, check: CheckInfo | undefined): OcsfEvent['finding_info']['analytic'] {
  return { uid: id, name: check?.title ?? id, type_id: 1, type: 'Rule' };
}

function control(id: string, check: CheckInfo | undefined) {
  return {
    control: id,
    ...(check === undefined ? {} : { desc: check.rationale }),
    standards: standardsOf(check),
    requirements: requirementTexts(check),
  };
}

const resourceOf = cachedBy((target: ReportTarget): OcsfResource => {
  const uid = addressOf(target);
  const { host, server } = target;
  const labels = labelsText(target);
  return {
    name: PLAIN.target(target.name),
    ...(uid === undefined ? {} : { uid }),
    type: 'PostgreSQL server',
    ...(host === null ? {} : ipaddr.isValid(host) ? { ip: host } : { hostname: PLAIN.target(host) }),
    ...(server === null ? {} : { version: PLAIN.target(server.version) }),
    ...(labels.length === 0 ? {} : { labels }),
    role_id: 1,
    role: 'Target',
  };
});

/** Of a target that the configuration has no more. */
function unknownResource(name: string): OcsfResource {
  return { name: PLAIN.target(name), type: 'PostgreSQL server', role_id: 1, role: 'Target' };
}

function evidence({ role, database, application, clients, count, evidence: facts }: Entry['finding']): OcsfEvidence {
  const data = {
    ...Object.fromEntries(Object.entries(facts).map(([name, fact]) => [displayText(name), shown(fact)])),
    ...(application === undefined ? {} : { application: displayText(application) }),
    ...(clients === undefined ? {} : { clients: clients.map((client) => displayText(client)) }),
    ...(count === undefined ? {} : { sessions: count }),
  };
  return {
    data,
    ...(role === undefined || role === '' ? {} : { user: { name: displayText(role) } }),
    ...(database === undefined || database === ''
      ? {}
      : { database: { name: displayText(database), type_id: 1, type: 'Relational' } }),
  };
}

/** Room for why a certificate was refused. */
const FACT_LENGTH = 400;

function shown(fact: Entry['finding']['evidence'][string]): string | number | boolean | string[] {
  if (typeof fact === 'string') return displayText(fact, FACT_LENGTH);
  return Array.isArray(fact) ? fact.map((item) => displayText(item, FACT_LENGTH)) : fact;
}

export const exporter: Exporter = {
  name: 'ocsf',
  mediaType: 'application/json',
  extension: 'json',
  needs: [],
  render: renderOcsf,
};
