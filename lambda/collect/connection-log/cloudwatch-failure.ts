// Turns an error of CloudWatch Logs into a gap of the connection log that says what to do.

import { parseArn } from '../../model/arn.ts';
import type { LogGap } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';

export interface LogGroupPlace {
  /** As the configuration names it: a name or an ARN. */
  readonly logGroup: string;
  /** Where the client asks; undefined where no region is known. */
  readonly region: string | undefined;
}

/** A group that RDS fills. */
const OF_RDS = /^\/aws\/rds\/(instance|cluster)\/([\w-]{1,63})\/postgresql$/;

/** A safe name of an error: the service's answer may hold any text. */
const NAME = /^[\w.:#-]{1,80}$/;

/** The error's own name, or the system's code of a network failure. */
function failureName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && NAME.test(code)) return code;
  return NAME.test(error.name) ? error.name : 'unknown error';
}

/** Every error, whatever it is: a gap never throws. */
export function gapOf(error: unknown, { logGroup, region }: LogGroupPlace): LogGap {
  const name = failureName(error);
  const group = `log group ${displayText(logGroup, 600)}`;
  const said = error instanceof Error ? error.message : '';
  if (said.startsWith('Region ')) {
    // A plain Error of the SDK's: it has no code, and its name says nothing.
    return {
      cause: 'failed',
      reason: `there is no AWS region to read ${group} in`,
      remedy: 'set AWS_REGION, or name the group by its ARN',
    };
  }
  switch (name) {
    case 'ResourceNotFoundException':
      return {
        cause: 'not-found',
        reason: `there is no ${group} in ${region ?? 'this region'}, or no stream in it`,
        remedy: exported(logGroup),
      };
    case 'AccessDeniedException':
      return {
        cause: 'not-allowed',
        reason: `the auditor may not read ${group} (${name})`,
        remedy: `allow logs:FilterLogEvents on ${arnOf(logGroup, region, said)}`,
      };
    case 'ThrottlingException':
    case 'TooManyRequestsException':
    case 'LimitExceededException':
      return {
        cause: 'not-read-to-end',
        reason: `CloudWatch Logs took no more requests for ${group} (${name}), and the next run goes on`,
        remedy: 'if it persists: raise the quota of FilterLogEvents requests per second in Service Quotas',
      };
    case 'AssumeRoleError':
      return {
        cause: 'not-allowed',
        reason: `the role of the account that has ${group} could not be assumed`,
        remedy:
          "let the role's trust policy name the auditor's role and the external id, and allow sts:AssumeRole on it",
      };
    case 'CredentialsProviderError':
    case 'ExpiredTokenException':
    case 'InvalidSignatureException':
    case 'UnrecognizedClientException':
      return {
        cause: 'failed',
        reason: `AWS does not accept the credentials that were to read ${group} (${name})`,
        remedy: 'check the AWS credentials in use: they are missing, wrong or expired',
      };
    default:
      return {
        cause: 'failed',
        reason: `CloudWatch Logs did not give ${group} (${name})`,
        remedy:
          'if it persists: check the route to CloudWatch Logs (an isolated subnet needs an interface endpoint for it, ' +
          'logs) and the health of the service in this region',
      };
  }
}

/** How a group comes about: RDS makes it when its export is on, and with it a stream at the first entry. */
function exported(logGroup: string): string {
  const [, kind, id] = OF_RDS.exec(nameOf(logGroup)) ?? [];
  if (id === undefined) return 'correct targets[].logs.logGroup, or make the agent that fills the group create it';
  const [command, option] =
    kind === 'cluster'
      ? ['modify-db-cluster', '--db-cluster-identifier']
      : ['modify-db-instance', '--db-instance-identifier'];
  return `aws rds ${command} ${option} ${id} --cloudwatch-logs-export-configuration EnableLogTypes=postgresql`;
}

/** The ARN that a policy has to allow: of a name, with the account that the service's answer gives. */
function arnOf(logGroup: string, region: string | undefined, said: string): string {
  if (parseArn(logGroup) !== undefined) return `${logGroup}:*`;
  const [, refused] =
    / on resource: (arn:[\w-]{1,20}:logs:[\w-]{1,30}:\d{12}:log-group:[\w./#-]{1,512})/.exec(said) ?? [];
  const known = refused !== undefined && nameOf(refused) === logGroup ? refused : undefined;
  return `${known ?? `arn:aws:logs:${region ?? 'REGION'}:ACCOUNT:log-group:${logGroup}`}:*`;
}

/** The name of a group, also where its ARN is given. */
export function nameOf(logGroup: string): string {
  return parseArn(logGroup)?.resource.replace(/^log-group:/, '') ?? logGroup;
}
