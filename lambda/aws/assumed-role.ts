// Assumes roles of AWS in other accounts, and gives their credentials to clients.

import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { AssumedRole } from '../model/assumed-role.ts';

/** Of people who read CloudTrail: which program assumed the role. */
const SESSION_NAME = 'pg-tls-auditor';

/** The least that STS gives, and more than a run has. */
const SECONDS = 900;

/** Credentials of an assumed role, as every client of the SDK takes them. */
export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** Asks STS at each call; clients of the SDK keep what they got until it is about to expire. */
export type CredentialProvider = () => Promise<TemporaryCredentials>;

/** The role could not be assumed. The name is the one that STS gave its error. */
class AssumeRoleError extends Error {
  override readonly name = 'AssumeRoleError';
}

/** @param region whose STS is asked: the one of the databases, so that a failure elsewhere costs nothing here */
export function credentialsOfRole({ roleArn, externalId }: AssumedRole, region: string): CredentialProvider {
  return async () => {
    const client = new STSClient({
      region,
      maxAttempts: 4,
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 6_000, throwOnRequestTimeout: true },
    });
    try {
      const { Credentials: given } = await client.send(
        new AssumeRoleCommand({
          RoleArn: roleArn,
          RoleSessionName: SESSION_NAME,
          DurationSeconds: SECONDS,
          ...(externalId === undefined ? {} : { ExternalId: externalId }),
        }),
      );
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {};
      if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined) {
        throw new Error('STS answered without credentials');
      }
      return {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
        expiration: Expiration ?? new Date(Date.now() + SECONDS * 1000),
      };
    } catch (cause) {
      throw new AssumeRoleError('the role could not be assumed', { cause });
    } finally {
      client.destroy();
    }
  };
}
