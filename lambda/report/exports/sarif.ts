// Renders the report as SARIF 2.1.0, for code scanning and other collectors of findings.

import type {
  Invocation,
  Location,
  Log,
  LogicalLocation,
  Notification,
  ReportingDescriptor,
  Result,
  Run,
  Suppression,
} from 'sarif';
import type { CheckInfo } from '../../model/check-info.ts';
import { displayText } from '../../model/display.ts';
import type { Severity } from '../../model/severity.ts';
import { type CoverageGap, coverageGapsOf } from '../coverage.ts';
import { addressOf, type Entry, entriesOf, factLines, muteLine, TOOL } from '../entries.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayProse, PLAIN, remedyText, title } from '../text.ts';
import type { ExportContext, Exporter } from './exporter.ts';
import { jsonDocument, jsonList, jsonListOf, jsonObject } from './json-text.ts';
import { codeBlock, link, markdownText } from './markdown-text.ts';
import { requirementTexts } from './requirements.ts';

/** Where the schema of the format is published, the errata included. */
const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
};

/** On the scale that code scanning sorts by: critical from 9, high from 7, medium from 4, low above 0. */
const SECURITY_SEVERITIES: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '2.0',
  info: '0.0',
};

/**
 * What GitHub's code scanning takes in one run; it shows the 5,000 worst of them. It refuses a file in which one result
 * has no physical location, and tells results apart by the fingerprint that is named `primaryLocationLineHash`.
 *
 * @see https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning
 */
const MOST_RESULTS = 25_000;
/** Characters of a rule's descriptions, by the same page. */
const LONGEST_DESCRIPTION = 1_024;

/** Two-space indented JSON of the log. */
export function renderSarif(report: Report, context: ExportContext): Iterable<string> {
  const { results, ...run } = runOf(report, context);
  return jsonDocument(jsonObject({ ...LOG, runs: jsonListOf(jsonObject({ ...run, results: jsonList(results) })) }));
}

/** A log of one run. What could not be observed is a notification; the run fails when a target was not audited. */
export function sarifLog(report: Report, context: ExportContext): Log {
  const { results, ...run } = runOf(report, context);
  return { ...LOG, runs: [{ ...run, results: [...results] }] };
}

const LOG = { $schema: SCHEMA, version: '2.1.0' } as const satisfies Omit<Log, 'runs'>;

/** Results are made while they are read. */
interface StreamedRun extends Omit<Run, 'results'> {
  readonly results: Iterable<Result>;
}

function runOf(report: Report, context: ExportContext): StreamedRun {
  const entries = entriesOf(report, context);
  const rules = rulesOf(entries, report, context);
  const indexes = new Map(rules.map(({ id }, index) => [id, index]));
  return {
    tool: {
      driver: {
        name: TOOL,
        version: context.toolVersion,
        rules,
        notifications: [
          { id: NOT_AUDITED, shortDescription: { text: 'A target could not be audited' } },
          { id: NOT_SEEN, shortDescription: { text: 'A check could not observe everything' } },
        ],
      },
    },
    automationDetails: { id: `${TOOL}/` },
    invocations: [invocation(report, indexes, entries.length - MOST_RESULTS)],
    columnKind: 'utf16CodeUnits',
    results: resultsOf(entries.slice(0, MOST_RESULTS), report, indexes),
  };
}

/** The catalogue's, and those of findings whose check it no longer has. */
function rulesOf(entries: readonly Entry[], { targets }: Report, { catalogue }: ExportContext): ReportingDescriptor[] {
  const known = new Set(catalogue.map(({ id }) => id));
  const used = [
    ...entries.map(({ finding }) => finding.check),
    ...targets.flatMap(({ checks }) => checks.map(({ id }) => id)),
  ];
  const unknown = [...new Set(used)].filter((id) => !known.has(id));
  return [...catalogue.map(rule), ...unknown.map((id) => ({ id }))];
}

function rule(check: CheckInfo): ReportingDescriptor {
  const { id, title: what, severity, rationale, references } = check;
  const helpUri = check.page ?? references[0];
  return {
    id,
    shortDescription: { text: displayProse(what, LONGEST_DESCRIPTION) },
    fullDescription: { text: displayProse(rationale, LONGEST_DESCRIPTION) },
    help: {
      text: [rationale, remedyText(check.remedy), ...references].join('\n\n'),
      markdown: [
        markdownText(rationale),
        codeBlock(remedyText(check.remedy)),
        references.map((reference) => `- ${link(reference)}`).join('\n'),
      ].join('\n\n'),
    },
    ...(helpUri === undefined ? {} : { helpUri }),
    defaultConfiguration: { level: LEVELS[severity] },
    properties: {
      tags: ['security', 'tls', 'postgresql', ...requirementTexts(check)],
      'security-severity': SECURITY_SEVERITIES[severity],
    },
  };
}

function* resultsOf(
  entries: readonly Entry[],
  report: Report,
  indexes: ReadonlyMap<string, number>,
): Generator<Result> {
  for (const entry of entries) yield result(entry, report, indexes);
}

function result(entry: Entry, report: Report, indexes: ReadonlyMap<string, number>): Result {
  const { finding, mute, status } = entry;
  const ruleIndex = indexes.get(finding.check);
  const facts = factLines(entry).join('; ');
  const what = `${title(finding, PLAIN)} on ${PLAIN.target(finding.target)}`;
  const suppression: Suppression = {
    kind: 'external',
    status: 'accepted',
    ...(mute === undefined ? {} : { justification: muteLine(mute) }),
  };
  return {
    ruleId: finding.check,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    kind: 'fail',
    level: LEVELS[finding.severity],
    message: {
      text: withoutLinks(`${facts === '' ? what : `${what}: ${facts}`}.\nHow to fix:\n${remedyText(finding.remedy)}`),
    },
    locations: [{ physicalLocation: place(finding.target), logicalLocations: logicalLocations(entry) }],
    partialFingerprints: {
      'pgTlsAuditor/v1': finding.fingerprint,
      primaryLocationLineHash: `${finding.fingerprint}:1`,
    },
    // Of all results or of none; an empty list says "not suppressed", a missing one "not known".
    ...(report.state === 'kept' ? { baselineState: baselineOf(entry) } : {}),
    suppressions: status === 'muted' ? [suppression] : [],
    properties: {
      severity: finding.severity,
      'security-severity': SECURITY_SEVERITIES[finding.severity],
      firstSeen: entry.firstSeen,
      lastSeen: entry.lastSeen,
      ...(finding.count === undefined ? {} : { sessions: finding.count }),
    },
  };
}

/** A message may hold links in square brackets (section 3.11.6 of the standard); ours holds none. */
function withoutLinks(text: string): string {
  return text.replaceAll('](', '] (');
}

function baselineOf({ status, reason, isObserved, openedAt, lastSeen }: Entry): NonNullable<Result['baselineState']> {
  if (status === 'resolved') return 'absent';
  if (reason === 'new' || (isObserved && openedAt === lastSeen)) return 'new';
  return reason === 'escalated' ? 'updated' : 'unchanged';
}

/** No file of a repository: a stable relative address for each target, without which GitHub refuses the file. */
function place(target: string): NonNullable<Location['physicalLocation']> {
  // A name of dots alone would be another folder, encoded or not.
  const name = encodeURIComponent(target.toWellFormed()).replace(/^\.*$/, '_$&');
  return { artifactLocation: { uri: `targets/${name}` }, region: { startLine: 1 } };
}

/** The target, and within it the database, role and application that it is about. */
function logicalLocations({ finding, target }: Entry): LogicalLocation[] {
  const address = target === undefined ? undefined : addressOf(target);
  const within = (['database', 'role', 'application'] as const).flatMap((kind) => {
    const name = finding[kind];
    if (name === undefined || name === '') return [];
    return [{ name: displayText(name), fullyQualifiedName: path(finding.target, kind, name), kind }];
  });
  return [
    {
      name: PLAIN.target(finding.target),
      fullyQualifiedName: path(finding.target),
      kind: 'server',
      ...(address === undefined ? {} : { decoratedName: address }),
    },
    ...within,
  ];
}

/** `orders/role/app`; a slash in a name is not one of ours. */
function path(...names: readonly string[]): string {
  return names.map((name) => displayText(name).replaceAll('/', '%2F')).join('/');
}

const NOT_AUDITED = 'not-audited';
const NOT_SEEN = 'not-seen';

/** @param leftOut how many results there are beyond those that the format's readers take */
function invocation(report: Report, indexes: ReadonlyMap<string, number>, leftOut: number): Invocation {
  const { targets, startedAt, finishedAt } = report;
  const gaps = coverageGapsOf(report);
  const crashed = gaps.some(({ status }) => status === 'error');
  const audited = targets.length > 0 && targets.every(({ verdict }) => verdict !== 'not-audited');
  return {
    executionSuccessful: audited && !crashed,
    startTimeUtc: startedAt,
    endTimeUtc: finishedAt,
    toolExecutionNotifications: [
      ...(targets.length > 0 ? [] : [notification(NOT_AUDITED, 'error', 'Nothing was audited: there is no target.')]),
      ...targets
        .filter(({ verdict }) => verdict === 'not-audited')
        .map(({ name, error }) => {
          const why = error === undefined ? 'no reason is known' : `${displayProse(error.message)} (${error.cause})`;
          const remedy = error === undefined ? '' : `\nHow to fix:\n${remedyText(error.remedy)}`;
          return notification(NOT_AUDITED, 'error', `${PLAIN.target(name)} was not audited: ${why}.${remedy}`, name);
        }),
      ...gaps.map((gap) => coverageGapNotification(gap, indexes)),
      ...(leftOut > 0
        ? [notification(NOT_SEEN, 'warning', `${leftOut} more findings left out: a run holds ${MOST_RESULTS} results.`)]
        : []),
    ],
  };
}

function coverageGapNotification(
  { target, check, status, reason }: CoverageGap<ReportTarget>,
  indexes: ReadonlyMap<string, number>,
): Notification {
  const index = indexes.get(check);
  const what = status === 'incomplete' ? 'not everything could be observed' : 'could not be decided';
  return {
    ...notification(
      NOT_SEEN,
      status === 'error' ? 'error' : 'warning',
      `${check} on ${PLAIN.target(target.name)}: ${what}: ${reason}`,
      target.name,
    ),
    associatedRule: { id: check, ...(index === undefined ? {} : { index }) },
  };
}

function notification(id: string, level: 'error' | 'warning', text: string, target?: string): Notification {
  const locations: Location[] =
    target === undefined
      ? []
      : [{ logicalLocations: [{ name: PLAIN.target(target), fullyQualifiedName: path(target), kind: 'server' }] }];
  return {
    descriptor: { id },
    level,
    message: { text: withoutLinks(text) },
    ...(locations.length === 0 ? {} : { locations }),
  };
}

export const exporter: Exporter = {
  name: 'sarif',
  mediaType: 'application/sarif+json',
  extension: 'sarif',
  needs: [],
  render: renderSarif,
};
