// Renders the report in the AWS Security Finding Format, 2018-10-08, for Security Hub's BatchImportFindings.

import { cachedBy } from '../../model/cached-by.ts';
import { displayText } from '../../model/display.ts';
import { quoteName } from '../../model/given-text.ts';
import type { Severity } from '../../model/severity.ts';
import { cached } from '../cached.ts';
import { addressOf, type Entry, entriesOf, factLines, labelsText, TOOL } from '../entries.ts';
import { largestThatFits } from '../fit.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayProse, PLAIN, remedyText, title } from '../text.ts';
import type { AwsPlace, ExportContext, Exporter } from './exporter.ts';
import { jsonDocument, jsonList } from './json-text.ts';
import { requirementTexts } from './requirements.ts';

/**
 * Lengths that the format allows, counted here in bytes of UTF-8: never more than it counts itself.
 *
 * @see https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
 */
const LONGEST = { title: 256, description: 1_024, recommendation: 512, resourceId: 512, fieldValue: 1_024 } as const;
const MOST_FIELDS = 50;

/** The account or region is missing or wrong. The message says which, and what was given. */
export class AwsPlaceError extends Error {
  override readonly name = 'AwsPlaceError';
}

/** Partitions by how the names of their regions begin; every other region is one of `aws`. */
const PARTITIONS: readonly (readonly [start: RegExp, partition: string])[] = [
  [/^cn-/, 'aws-cn'],
  [/^us-gov-/, 'aws-us-gov'],
  [/^us-iso-/, 'aws-iso'],
  [/^us-isob-/, 'aws-iso-b'],
  [/^eu-isoe-/, 'aws-iso-e'],
  [/^us-isof-/, 'aws-iso-f'],
  [/^eusc-/, 'aws-eusc'],
];

/** @throws AwsPlaceError */
export function awsPlace(account: string | undefined, region: string | undefined): AwsPlace {
  if (account === undefined || !/^\d{12}$/.test(account)) {
    const given = account === undefined ? 'none was given' : `${quoteName(account)} was given`;
    throw new AwsPlaceError(`the AWS account must be 12 digits, and ${given}`);
  }
  if (region === undefined || !/^[a-z]{2,5}(-[a-z]+)+-\d$/.test(region)) {
    const given = region === undefined ? 'none was given' : `${quoteName(region)} was given`;
    throw new AwsPlaceError(`the AWS region must be one such as eu-west-1, and ${given}`);
  }
  return { account, region, partition: PARTITIONS.find(([start]) => start.test(region))?.[1] ?? 'aws' };
}

type SeverityLabel = 'INFORMATIONAL' | 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';

const SEVERITY_LABELS: Readonly<Record<Severity, SeverityLabel>> = {
  info: 'INFORMATIONAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'CRITICAL',
};

interface AsffSeverity {
  readonly Label: SeverityLabel;
  readonly Original: Severity;
}

/** The attributes of a finding that are given here. Times are ISO 8601, UTC. */
export interface AsffFinding {
  readonly SchemaVersion: '2018-10-08';
  /** The same for the same finding of the same account and region: an import updates what is there. */
  readonly Id: string;
  readonly ProductArn: string;
  readonly ProductName: string;
  readonly CompanyName: string;
  readonly GeneratorId: string;
  readonly AwsAccountId: string;
  readonly Types: readonly string[];
  readonly FirstObservedAt: string;
  readonly LastObservedAt: string;
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Severity: AsffSeverity;
  readonly FindingProviderFields: { readonly Severity: AsffSeverity; readonly Types: readonly string[] };
  readonly Title: string;
  readonly Description: string;
  readonly Remediation: { readonly Recommendation: { readonly Text: string; readonly Url?: string } };
  readonly ProductFields: Readonly<Record<string, string>>;
  readonly Resources: readonly {
    readonly Type: 'Other';
    readonly Id: string;
    readonly Partition: string;
    readonly Region: string;
    readonly Details: { readonly Other: Readonly<Record<string, string>> };
  }[];
  readonly Compliance: {
    readonly Status: 'PASSED' | 'FAILED' | 'NOT_AVAILABLE';
    readonly RelatedRequirements: readonly string[];
  };
  /** Taken when a finding is first imported; later it is the investigators' own. */
  readonly Workflow?: { readonly Status: 'SUPPRESSED' | 'RESOLVED' };
  readonly RecordState: 'ACTIVE' | 'ARCHIVED';
}

const TYPES = ['Software and Configuration Checks/Industry and Regulatory Standards/Encryption in Transit'];

export interface AsffContext extends ExportContext {
  readonly aws: AwsPlace;
}

/**
 * A JSON array, as `aws securityhub batch-import-findings --findings file://…` reads it, a hundred at a time.
 *
 * @throws TypeError without an account and region
 */
export function renderAsff(report: Report, { aws, ...context }: ExportContext): Iterable<string> {
  if (aws === undefined) throw new TypeError('ASFF needs the AWS account and region of the findings');
  return jsonDocument(jsonList(eachAsffFinding(report, { ...context, aws })));
}

/** Each finding once: found by this run, carried over, or resolved and archived. */
export function asffFindings(report: Report, context: AsffContext): AsffFinding[] {
  return [...eachAsffFinding(report, context)];
}

/** The same, each made when it is asked for: a fleet has a hundred thousand. */
export function* eachAsffFinding(report: Report, context: AsffContext): Generator<AsffFinding> {
  for (const entry of entriesOf(report, context)) yield asffFinding(entry, report, context);
}

function asffFinding(entry: Entry, report: Report, { aws, toolVersion }: AsffContext): AsffFinding {
  const { finding, check, status } = entry;
  const severity: AsffSeverity = { Label: SEVERITY_LABELS[finding.severity], Original: finding.severity };
  const workflow = { muted: 'SUPPRESSED', resolved: 'RESOLVED', open: undefined } as const;
  const Status = workflow[status];
  const url = check?.page ?? check?.references[0];
  return {
    SchemaVersion: '2018-10-08',
    Id: `${TOOL}/${aws.region}/${aws.account}/${finding.fingerprint}`,
    ProductArn: `arn:${aws.partition}:securityhub:${aws.region}:${aws.account}:product/${aws.account}/default`,
    ProductName: TOOL,
    CompanyName: TOOL,
    GeneratorId: `${TOOL}/${finding.check}`,
    AwsAccountId: aws.account,
    Types: TYPES,
    FirstObservedAt: entry.firstSeen,
    LastObservedAt: entry.lastSeen,
    CreatedAt: entry.openedAt,
    UpdatedAt: report.finishedAt,
    Severity: severity,
    // Of these two Security Hub takes updates here only.
    FindingProviderFields: { Severity: severity, Types: TYPES },
    Title: within(`${title(finding, PLAIN)} (${PLAIN.target(finding.target)})`, LONGEST.title),
    Description: within(describe(entry), LONGEST.description),
    Remediation: {
      Recommendation: {
        Text: recommendation(finding.remedy),
        ...(url === undefined ? {} : { Url: url }),
      },
    },
    ProductFields: fields({
      [`${TOOL}/version`]: toolVersion,
      [`${TOOL}/check`]: finding.check,
      [`${TOOL}/fingerprint`]: finding.fingerprint,
      [`${TOOL}/reason`]: entry.reason,
      [`${TOOL}/resolution`]: entry.resolution,
      [`${TOOL}/mutedBy`]: entry.mute?.owner,
      [`${TOOL}/mutedUntil`]: entry.mute?.expires,
    }),
    Resources: [resource(entry, aws)],
    Compliance: { Status: complianceOf(entry), RelatedRequirements: requirementTexts(entry.check) },
    ...(Status === undefined ? {} : { Workflow: { Status } }),
    RecordState: status === 'resolved' ? 'ARCHIVED' : 'ACTIVE',
  };
}

/** A finding passed only when this run looked for it and did not find it. */
function complianceOf({ status, resolution }: Entry): AsffFinding['Compliance']['Status'] {
  if (status !== 'resolved') return 'FAILED';
  return resolution === 'gone' ? 'PASSED' : 'NOT_AVAILABLE';
}

/** Hundreds of findings have the same. */
const recommendation = cached((remedy) =>
  within(remedyText(remedy).replaceAll(/\s+/g, ' ') || 'No remedy is known.', LONGEST.recommendation),
);

function describe(entry: Entry): string {
  const facts = factLines(entry).join('; ');
  const rationale = entry.check?.rationale;
  const what = facts === '' ? title(entry.finding, PLAIN) : facts;
  return rationale === undefined ? what : `${what}. ${rationale}`;
}

function resource({ finding, target }: Entry, { partition, region }: AwsPlace): AsffFinding['Resources'][number] {
  return {
    Type: 'Other',
    Id: target === undefined ? within(PLAIN.target(finding.target), LONGEST.resourceId) : resourceId(target),
    Partition: partition,
    Region: region,
    Details: {
      Other: fields({
        target: finding.target,
        ...(target === undefined ? {} : targetFields(target)),
        role: finding.role,
        database: finding.database,
        application: finding.application,
        clients: finding.clients?.join(', '),
        sessions: finding.count?.toString(),
        ...Object.fromEntries(
          Object.entries(finding.evidence).map(([name, fact]) => [`evidence/${name}`, String(fact)]),
        ),
      }),
    },
  };
}

const resourceId = cachedBy((target: ReportTarget) =>
  within(addressOf(target) ?? PLAIN.target(target.name), LONGEST.resourceId),
);

const targetFields = cachedBy((target: ReportTarget): Readonly<Record<string, string | undefined>> => {
  const labels = labelsText(target);
  return {
    host: target.host ?? undefined,
    port: target.port?.toString(),
    serverVersion: target.server?.version,
    verdict: target.verdict,
    labels: labels.length === 0 ? undefined : labels.join(', '),
  };
});

/** Without the ones that have no value: the format takes no empty text. */
function fields(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries: [name: string, value: string][] = [];
  for (const [name, value] of Object.entries(given)) {
    if (entries.length === MOST_FIELDS) break;
    if (value !== undefined && value.trim() !== '') entries.push([fieldName(name), within(value, LONGEST.fieldValue)]);
  }
  return Object.fromEntries(entries);
}

const fieldName = cached((name) => displayText(name, 128));

/** Of `…` in UTF-8, and of the UTF-16 code unit that takes the most. */
const ELLIPSIS_BYTES = 3;
const MOST_BYTES_A_UNIT = 3;

/** A beginning of the text that has so many bytes at most, safe to show. */
function within(text: string, bytes: number): string {
  const whole = displayProse(text, bytes);
  if (whole.length * MOST_BYTES_A_UNIT <= bytes) return whole;
  const over = Buffer.byteLength(whole) - bytes;
  if (over <= 0) return whole;
  if (over === ELLIPSIS_BYTES - 1) {
    // The beginning is ASCII without links: its last characters make room for the rest of the ellipsis.
    const shorter = displayProse(text, bytes - over);
    if (Buffer.byteLength(shorter) <= bytes && Buffer.byteLength(displayProse(text, bytes - over + 1)) > bytes) {
      return shorter;
    }
  }
  return largestThatFits(
    bytes,
    (length) => displayProse(text, length),
    (shown) => Buffer.byteLength(shown) <= bytes,
  );
}

export const exporter: Exporter = {
  name: 'asff',
  mediaType: 'application/json',
  extension: 'json',
  needs: ['aws'],
  render: renderAsff,
};
