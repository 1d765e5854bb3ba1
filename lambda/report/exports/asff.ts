// Renders the report in the AWS Security Finding Format, 2018-10-08, for Security Hub's BatchImportFindings.

import { displayText } from '../../model/display.ts';
import { quoteName } from '../../model/given-text.ts';
import type { Severity } from '../../model/severity.ts';
import { addressOf, type Entry, entriesOf, factLines, labelsText, remedyText, TOOL } from '../entries.ts';
import { largestThatFits } from '../fit.ts';
import type { Report } from '../schema.ts';
import { displayProse, PLAIN, title } from '../text.ts';
import type { AwsPlace, ExportContext, Exporter } from './exporter.ts';
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
export function renderAsff(report: Report, { aws, ...context }: ExportContext): string {
  if (aws === undefined) throw new TypeError('ASFF needs the AWS account and region of the findings');
  return `${JSON.stringify(asffFindings(report, { ...context, aws }), null, 2)}\n`;
}

/** Each finding once: found by this run, carried over, or resolved and archived. */
export function asffFindings(report: Report, context: AsffContext): AsffFinding[] {
  return entriesOf(report, context).map((entry) => asffFinding(entry, report, context));
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
        Text: within(
          remedyText(finding.remedy).replaceAll(/\s+/g, ' ') || 'No remedy is known.',
          LONGEST.recommendation,
        ),
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

function describe(entry: Entry): string {
  const facts = factLines(entry).join('; ');
  const rationale = entry.check?.rationale;
  const what = facts === '' ? title(entry.finding, PLAIN) : facts;
  return rationale === undefined ? what : `${what}. ${rationale}`;
}

function resource({ finding, target }: Entry, { partition, region }: AwsPlace): AsffFinding['Resources'][number] {
  const address = target === undefined ? undefined : addressOf(target);
  const labels = target === undefined ? [] : labelsText(target);
  return {
    Type: 'Other',
    Id: within(address ?? PLAIN.target(finding.target), LONGEST.resourceId),
    Partition: partition,
    Region: region,
    Details: {
      Other: fields({
        target: finding.target,
        host: target?.host ?? undefined,
        port: target?.port === null ? undefined : target?.port?.toString(),
        serverVersion: target?.server?.version,
        verdict: target?.verdict,
        labels: labels.length === 0 ? undefined : labels.join(', '),
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

/** Without the ones that have no value: the format takes no empty text. */
function fields(given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(given).flatMap(([name, value]) =>
    value === undefined || value.trim() === '' ? [] : [[displayText(name, 128), within(value, LONGEST.fieldValue)]],
  );
  return Object.fromEntries(entries.slice(0, MOST_FIELDS));
}

/** A beginning of the text that has so many bytes at most, safe to show. */
function within(text: string, bytes: number): string {
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
