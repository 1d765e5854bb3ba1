// The part of AWS Security Hub that importing needs: BatchImportFindings, with the limits of the service and of the AWS
// Security Finding Format. No npm package carries a schema of that format: the one here is written from the API
// reference (https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html) and the user guide's
// "Required" and "Optional top-level ASFF attributes", for the attributes that an auditor has a use for.

import * as z from 'zod';
import { AwsFailure } from './aws-failure.ts';

/** "Guidelines for using the BatchImportFindings API". */
const MOST_FINDINGS = 100;
const MOST_BYTES = 6_000_000;
const MOST_FINDING_BYTES = 240_000;

/** Every string of the format matches `.*\S.*`. */
const text = (most: number): z.ZodString => z.string().max(most).regex(/\S/);
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-8]):?\d\d)$/)
  .refine((iso) => Number.isFinite(Date.parse(iso)), 'no such moment');
const fields = (mostValue: number) =>
  z.record(text(128), text(mostValue)).refine((given) => Object.keys(given).length <= 50, 'at most 50 key-value pairs');
const types = z
  .array(
    text(1024).regex(
      /^(Software and Configuration Checks|TTPs|Effects|Unusual Behaviors|Sensitive Data Identifications)(\/[^/]+){0,2}$/,
    ),
  )
  .max(50);
const severity = z.strictObject({
  Label: z.enum(['INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL']),
  Original: text(64).optional(),
});

export const asffFindingSchema = z.strictObject({
  SchemaVersion: z.literal('2018-10-08'),
  Id: text(512),
  ProductArn: text(2048).regex(/^arn:[\w-]+:securityhub:[a-z0-9-]+:\d{12}:product\/\d{12}\/default$/),
  ProductName: text(128).optional(),
  CompanyName: text(128).optional(),
  Region: text(16).optional(),
  GeneratorId: text(512),
  AwsAccountId: z.string().regex(/^\d{12}$/),
  Types: types.optional(),
  FirstObservedAt: time.optional(),
  LastObservedAt: time.optional(),
  CreatedAt: time,
  UpdatedAt: time,
  Severity: severity,
  FindingProviderFields: z.strictObject({ Severity: severity.optional(), Types: types.optional() }).optional(),
  Title: text(256),
  Description: text(1024),
  Remediation: z
    .strictObject({ Recommendation: z.strictObject({ Text: text(512).optional(), Url: z.url().optional() }) })
    .optional(),
  ProductFields: fields(2048).optional(),
  Resources: z
    .array(
      z.strictObject({
        Type: text(256),
        Id: text(512),
        Partition: z.enum(['aws', 'aws-cn', 'aws-us-gov']).optional(),
        Region: text(16).optional(),
        Tags: fields(256).optional(),
        Details: z.strictObject({ Other: fields(2048).optional() }).optional(),
      }),
    )
    .min(1)
    .max(32),
  Compliance: z
    .strictObject({
      Status: z.enum(['PASSED', 'WARNING', 'FAILED', 'NOT_AVAILABLE']).optional(),
      RelatedRequirements: z.array(text(2048)).max(32).optional(),
    })
    .optional(),
  Workflow: z.strictObject({ Status: z.enum(['NEW', 'NOTIFIED', 'RESOLVED', 'SUPPRESSED']) }).optional(),
  RecordState: z.enum(['ACTIVE', 'ARCHIVED']).optional(),
});

/** A finding as the service keeps it. */
export type KeptFinding = z.output<typeof asffFindingSchema> & {
  /** How often it was imported. */
  readonly imports: number;
};

interface Refused {
  readonly Id: string;
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

export class SecurityHub {
  /** By their Id. */
  readonly findings = new Map<string, KeptFinding>();
  readonly #account: string;
  readonly #enabled: boolean;
  readonly #refused: ReadonlySet<string>;

  /** @param options.refused Ids of findings that an import of others goes on without */
  constructor(account: string, options: { readonly enabled: boolean; readonly refused: readonly string[] }) {
    this.#account = account;
    this.#enabled = options.enabled;
    this.#refused = new Set(options.refused);
  }

  /** @throws AwsFailure where the service would refuse all of it */
  import(body: Buffer): object {
    if (!this.#enabled) {
      const message = `Account ${this.#account} is not subscribed to AWS Security Hub`;
      throw new AwsFailure('InvalidAccessException', message, 401);
    }
    if (body.length > MOST_BYTES) throw new AwsFailure('InvalidInputException', 'The request is too large');
    const { Findings } = JSON.parse(body.toString()) as { readonly Findings?: unknown };
    if (!Array.isArray(Findings) || Findings.length === 0 || Findings.length > MOST_FINDINGS) {
      throw new AwsFailure('InvalidInputException', `Findings must have 1 to ${MOST_FINDINGS} items`);
    }
    const FailedFindings = Findings.map((finding) => this.#take(finding)).filter((failed) => failed !== undefined);
    return {
      SuccessCount: Findings.length - FailedFindings.length,
      FailedCount: FailedFindings.length,
      FailedFindings,
    };
  }

  #take(given: unknown): Refused | undefined {
    const Id = String((given as { Id?: unknown }).Id);
    const refuse = (ErrorMessage: string): Refused => ({ Id, ErrorCode: 'InvalidInput', ErrorMessage });
    if (this.#refused.has(Id)) return { Id, ErrorCode: 'InternalError', ErrorMessage: 'refused, on purpose' };
    if (Buffer.byteLength(JSON.stringify(given)) > MOST_FINDING_BYTES)
      return refuse('The finding is larger than 240 KB');
    const read = asffFindingSchema.safeParse(given);
    if (!read.success) return refuse(z.prettifyError(read.error));
    const finding = read.data;
    if (finding.AwsAccountId !== this.#account) return refuse('AwsAccountId is not the account that calls');
    const kept = this.findings.get(Id);
    if (kept === undefined) this.findings.set(Id, { ...finding, imports: 1 });
    else if (kept.UpdatedAt < finding.UpdatedAt) this.findings.set(Id, update(kept, finding));
    return undefined;
  }
}

/**
 * What an update may change: not the workflow, which is its investigators', nor severity and types but by
 * FindingProviderFields. An archived finding that is active again is a new one to investigate.
 */
function update(kept: KeptFinding, finding: z.output<typeof asffFindingSchema>): KeptFinding {
  const { Severity = kept.Severity, Types = kept.Types } = finding.FindingProviderFields ?? {};
  const reopened = kept.RecordState === 'ARCHIVED' && finding.RecordState === 'ACTIVE';
  const Workflow = reopened ? ({ Status: 'NEW' } as const) : kept.Workflow;
  return { ...finding, Severity, Types, Workflow, imports: kept.imports + 1 };
}
