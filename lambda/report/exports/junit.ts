// Renders the report as JUnit XML: a CI shows it like tests, and fails for findings and for what was not observed.
// For the command line only: the Lambda function must not load the XML builder.

import Builder from 'fast-xml-builder';
import { isAtLeast, type Severity } from '../../model/severity.ts';
import { addressOf, type Entry, entriesOf, factLines, labelsText, muteLine, TOOL } from '../entries.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { PLAIN, remedyText, title } from '../text.ts';
import type { ExportContext, Exporter } from './exporter.ts';

interface Problem {
  readonly message: string;
  readonly type: string;
  /** Made when it is written: those of a fleet take hundreds of megabytes. */
  readonly text: () => string;
}

/** One check on one target. At most one of `error`, `failure` and `skipped`. */
interface TestCase {
  readonly name: string;
  readonly error?: Problem;
  readonly failure?: Problem;
  readonly skipped?: string;
  /** Findings of a test that passes. */
  readonly output?: () => string;
}

interface TestSuite {
  readonly name: string;
  readonly timestamp: string;
  readonly seconds: number;
  readonly hostname?: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly cases: readonly TestCase[];
}

/**
 * A test suite for each target, a test case for each check: a failure with the findings, an error for what could not be
 * seen, skipped where the check does not apply or everything it found is muted. Mutes don't cover what was not audited.
 *
 * @see https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
 */
export function renderJunit(report: Report, context: ExportContext): Iterable<string> {
  // Findings below this are listed in a test that passes.
  const { failOn = 'medium' } = context;
  const byTarget = Map.groupBy(
    entriesOf(report, context).filter(({ isObserved }) => isObserved),
    ({ finding }) => finding.target,
  );
  const suites = report.targets.map((target) => {
    const found = Map.groupBy(byTarget.get(target.name) ?? [], ({ finding }) => finding.check);
    return suiteOf(target, found, failOn);
  });
  const audited = new Set(report.targets.map(({ name }) => name));
  const listed = [...byTarget]
    .filter(([name]) => !audited.has(name))
    .map(([name, found]) => listedSuite(name, found, { report, failOn }));
  return document([...(suites.length === 0 ? [nothing(report)] : suites), ...listed], report, context);
}

/** No test at all would be a green run. */
function nothing({ startedAt }: Report): TestSuite {
  const error = { message: 'nothing was audited', type: 'not-audited', text: () => 'There is no target in this run.' };
  return { name: TOOL, timestamp: startedAt, seconds: 0, properties: {}, cases: [{ name: 'audit', error }] };
}

function suiteOf(target: ReportTarget, found: ReadonlyMap<string, readonly Entry[]>, failOn: Severity): TestSuite {
  const { name, takenAt, link, verdict, checks, error } = target;
  const address = addressOf(target);
  const cases = checks.map((check) => testCase(check, target, found.get(check.id) ?? [], failOn));
  // Whatever its checks say, not everything was observed.
  const isIncomplete = verdict === 'not-audited' || verdict === 'unknown';
  const unexplained = isIncomplete && !cases.some((one) => one.error !== undefined);
  const milliseconds = Object.values(link?.timings ?? {}).reduce((sum, phase) => sum + phase, 0);
  return {
    name: PLAIN.target(name),
    timestamp: takenAt,
    seconds: milliseconds / 1_000,
    ...(target.host === null ? {} : { hostname: PLAIN.target(target.host) }),
    properties: {
      verdict,
      ...(address === undefined ? {} : { address }),
      ...(link === null ? {} : { tlsVersion: PLAIN.target(link.tlsVersion), cipher: PLAIN.target(link.cipher) }),
      ...(target.server === null ? {} : { serverVersion: PLAIN.target(target.server.version) }),
      ...(target.sessions === null ? {} : { sessions: String(target.sessions.total) }),
      ...Object.fromEntries(labelsText(target).map((label, index) => [`label.${index + 1}`, label])),
    },
    cases: unexplained ? [{ name: 'audit', error: notAudited(error) }, ...cases] : cases,
  };
}

/** What discovery lists and no audit covers: only what was found is in the report. */
function listedSuite(
  name: string,
  found: readonly Entry[],
  { report, failOn }: { readonly report: Report; readonly failOn: Severity },
): TestSuite {
  const byCheck = Map.groupBy(found, ({ finding }) => finding.check);
  return {
    name: PLAIN.target(name),
    timestamp: report.finishedAt,
    seconds: 0,
    properties: {},
    cases: [...byCheck].map(([id, entries]) =>
      testCase({ id, status: 'fail' }, { verdict: 'findings' }, entries, failOn),
    ),
  };
}

function testCase(
  { id: name, status, reason }: ReportTarget['checks'][number],
  { verdict, error }: Pick<ReportTarget, 'verdict' | 'error'>,
  found: readonly Entry[],
  failOn: Severity,
): TestCase {
  const why = reason === undefined ? 'no reason is known' : PLAIN.prose(reason);
  if (status === 'unknown' || status === 'error') {
    return { name, error: { message: why, type: status, text: () => gapText(why, error) } };
  }
  if (status === 'not-applicable') return { name, skipped: why };
  if (status === 'pass') return { name };
  if (verdict === 'not-audited') return { name, error: notAudited(error, found) };
  const unmuted = found.filter(({ status }) => status !== 'muted');
  const failing = unmuted.filter(({ finding }) => isAtLeast(finding.severity, failOn));
  const incomplete = reason === undefined ? undefined : `Not everything could be observed: ${why}`;
  if (failing.length > 0) return { name, failure: failure(failing, incomplete) };
  if (incomplete !== undefined) {
    return {
      name,
      error: { message: why, type: 'unknown', text: () => [incomplete, ...found.map(findingText)].join('\n\n') },
    };
  }
  const [mute] = found.flatMap((entry) => (entry.mute === undefined ? [] : [entry.mute]));
  if (unmuted.length === 0 && mute !== undefined) return { name, skipped: muteLine(mute) };
  return found.length === 0 ? { name } : { name, output: () => found.map(findingText).join('\n\n') };
}

function notAudited(error: ReportTarget['error'], found: readonly Entry[] = []): Problem {
  const message = error === undefined ? 'not everything of the target was audited' : PLAIN.prose(error.message);
  const texts = () => (found.length > 0 ? found.map(findingText) : [gapText(message, error)]);
  return { message, type: error?.cause ?? 'not-audited', text: () => texts().join('\n\n') };
}

function gapText(why: string, error: ReportTarget['error']): string {
  return error === undefined ? why : `${why}\nHow to fix:\n${remedyText(error.remedy)}`;
}

function failure(failing: readonly Entry[], incomplete: string | undefined): Problem {
  const [worst] = failing;
  const more = failing.length > 1 ? ` and ${failing.length - 1} more` : '';
  return {
    message: worst === undefined ? '' : `${title(worst.finding, PLAIN)}${more}`,
    type: worst?.finding.severity ?? '',
    text: () => [...failing.map(findingText), ...(incomplete === undefined ? [] : [incomplete])].join('\n\n'),
  };
}

function findingText(entry: Entry): string {
  const { finding } = entry;
  return [
    `${finding.severity.toUpperCase()}: ${title(finding, PLAIN)}`,
    ...factLines(entry).map((fact) => `  ${fact}`),
    `  fingerprint: ${finding.fingerprint}`,
    'How to fix:',
    ...remedyText(finding.remedy)
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}

/** One suite after the other: the builder's own document would be one text, and one tree of objects before that. */
function* document(suites: readonly TestSuite[], report: Report, { toolVersion }: ExportContext): Generator<string> {
  const builder = new Builder({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    suppressBooleanAttributes: false,
    suppressEmptyNode: true,
    format: true,
    tagValueProcessor: (_, value) => allowedInXml(String(value)),
    attributeValueProcessor: (_, value) => allowedInXml(String(value)),
  });
  const frame = builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: {
      '@name': `${TOOL} ${toolVersion}`,
      ...counts(suites.flatMap(({ cases }) => cases)),
      '@time': ((Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1_000).toFixed(3),
      testsuite: {},
    },
  });
  const [start = '', end = ''] = frame.split(EMPTY_SUITE);
  yield start;
  for (const [id, suite] of suites.entries()) {
    const lines = builder.build({ [AROUND]: { testsuite: suiteElement(suite, id) } });
    yield lines.slice(`<${AROUND}>\n`.length, -`</${AROUND}>\n`.length);
  }
  yield end;
}

/** Where the suites belong: in an attribute, `<` is escaped. */
const EMPTY_SUITE = '  <testsuite/>\n';
/** Within it, the builder indents a suite as it does in the document. */
const AROUND = 'testsuites';

function suiteElement({ name, timestamp, seconds, hostname, properties, cases }: TestSuite, id: number): object {
  const named = Object.entries(properties).map(([key, value]) => ({ '@name': key, '@value': value }));
  return {
    '@name': name,
    '@id': String(id),
    ...counts(cases),
    '@time': seconds.toFixed(3),
    '@timestamp': timestamp,
    ...(hostname === undefined ? {} : { '@hostname': hostname }),
    ...(named.length === 0 ? {} : { properties: { property: named } }),
    testcase: cases.map((one) => ({
      '@name': one.name,
      '@classname': `${TOOL}.${name}`,
      ...(one.error === undefined ? {} : { error: problemElement(one.error) }),
      ...(one.failure === undefined ? {} : { failure: problemElement(one.failure) }),
      ...(one.skipped === undefined ? {} : { skipped: { '@message': one.skipped } }),
      ...(one.output === undefined ? {} : { 'system-out': one.output() }),
    })),
  };
}

function problemElement({ message, type, text }: Problem): object {
  return { '@message': message, '@type': type, '#text': text() };
}

function counts(cases: readonly TestCase[]): object {
  const having = (what: 'error' | 'failure' | 'skipped'): string =>
    String(cases.filter((one) => one[what] !== undefined).length);
  return {
    '@tests': String(cases.length),
    '@failures': having('failure'),
    '@errors': having('error'),
    '@skipped': having('skipped'),
  };
}

/** What XML 1.0 has no way to write, even escaped, would make a parser refuse all of it. */
function allowedInXml(text: string): string {
  return text.replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
}

export const exporter: Exporter = {
  name: 'junit',
  mediaType: 'application/xml',
  extension: 'xml',
  needs: [],
  render: renderJunit,
};
