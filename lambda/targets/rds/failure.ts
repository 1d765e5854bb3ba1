// Words why the databases of a place could not be listed, with what to do about it.

import { UnexpectedAnswerError } from './paging.ts';
import { describePlace, type Place } from './place.ts';

/** A safe name of an error: the service's answer may hold any text. */
const NAME = /^[\w.:#-]{1,80}$/;

const NETWORK =
  'the auditor must reach RDS there: in subnets without a way out, by a VPC endpoint for rds; check AWS_ENDPOINT_URL where it is set';
const THROTTLED =
  'RDS asked for fewer requests: the next run tries again; other programs of the account share its limit';
const CREDENTIALS = 'check the AWS credentials in use, and that the region is enabled for the account';

const REMEDIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    Throttling: THROTTLED,
    ThrottlingException: THROTTLED,
    RequestLimitExceeded: THROTTLED,
    InvalidClientTokenId: CREDENTIALS,
    UnrecognizedClientException: CREDENTIALS,
    OptInRequired: CREDENTIALS,
    ExpiredToken: CREDENTIALS,
    CredentialsProviderError:
      'no AWS credentials were found: log in (aws sso login), set AWS_PROFILE to a profile that exists, or set AWS_ACCESS_KEY_ID',
    AbortError: 'RDS took too long to answer: the next run tries again',
    TimeoutError: NETWORK,
    ENOTFOUND: NETWORK,
    ECONNREFUSED: NETWORK,
    ECONNRESET: NETWORK,
    ETIMEDOUT: NETWORK,
  }),
);

/** The rights that each listing needs. */
const RIGHTS = {
  databases: 'allow rds:DescribeDBInstances and rds:DescribeDBClusters',
  proxies: 'allow rds:DescribeDBProxies',
  parameters: 'allow rds:DescribeDBParameters and rds:DescribeDBClusterParameters',
  'certificate authorities': 'allow rds:DescribeCertificates',
} as const;

const REFUSALS: ReadonlySet<string> = new Set(['AccessDenied', 'AccessDeniedException', 'AuthorizationError']);

/** One sentence without its period: place, code and remedy. It quotes nothing that a service said. */
export function describeFailure(place: Place, error: unknown, what: keyof typeof RIGHTS = 'databases'): string {
  const where = `the ${what} of ${describePlace(place)}`;
  if (error instanceof UnexpectedAnswerError) return `${where} could not be listed: ${error.message}`;
  if (error instanceof Error && error.name === 'AssumeRoleError') {
    const code = errorCode(error.cause);
    const remedy = NETWORK === REMEDIES.get(code) ? NETWORK.replace('RDS', 'STS').replace('rds', 'sts') : undefined;
    return `${where} could not be listed: the role ${place.assumedRole?.roleArn} could not be assumed (${code}): ${
      remedy ??
      'its trust policy must name the role of the auditor and the external id, and that role needs sts:AssumeRole'
    }`;
  }
  const code = errorCode(error);
  const remedy = REFUSALS.has(code) ? RIGHTS[what] : REMEDIES.get(code);
  return `${where} could not be listed (${code})${remedy === undefined ? '' : `: ${remedy}`}`;
}

/** The service's own name of the error, or the system's code of a network failure. */
function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown cause';
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && NAME.test(code)) return code;
  // Node tries every address of a host, and reports all errors together.
  if (error instanceof AggregateError && error.errors.length > 0) return errorCode(error.errors[0]);
  return NAME.test(error.name) ? error.name : 'unknown cause';
}
