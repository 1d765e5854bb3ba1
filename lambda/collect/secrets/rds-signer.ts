// Signs IAM tokens for RDS and Aurora with the AWS credentials of the process.

import { Signer } from '@aws-sdk/rds-signer';
import type { TokenSigner } from './iam.ts';

export function rdsTokenSigner(): TokenSigner {
  return async ({ host, port, role, region }) =>
    await new Signer({
      hostname: host,
      port,
      username: role,
      ...(region === undefined ? {} : { region }),
    }).getAuthToken();
}
