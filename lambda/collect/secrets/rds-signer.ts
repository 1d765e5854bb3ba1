// Signs IAM tokens for RDS and Aurora with the AWS credentials of the process, or those of an assumed role.

import { Signer } from '@aws-sdk/rds-signer';
import type { CredentialProvider } from '../../aws/assumed-role.ts';
import { roleCredentials } from '../../aws/role-credentials.ts';
import type { AssumedRole } from '../../model/assumed-role.ts';
import type { TokenSigner } from './iam.ts';

/** Milliseconds before the end of credentials at which new ones are asked for: a token must outlive its login. */
const RENEW_BEFORE_MS = 120_000;

/** A signer for one run: each role is assumed once for all databases of its account. */
export function rdsTokenSigner(): TokenSigner {
  const providers = new Map<string, CredentialProvider>();
  const providerOf = (role: AssumedRole, region: string): CredentialProvider => {
    const key = JSON.stringify([role.roleArn, role.externalId, region]);
    const provider = providers.get(key) ?? keeping(roleCredentials(role, region));
    providers.set(key, provider);
    return provider;
  };
  return async ({ host, port, role, region, assumedRole }) =>
    await new Signer({
      hostname: host,
      port,
      username: role,
      ...(region === undefined ? {} : { region }),
      ...(assumedRole === undefined || region === undefined ? {} : { credentials: providerOf(assumedRole, region) }),
    }).getAuthToken();
}

/** Keeps credentials until they are about to expire; a failure is not kept. */
function keeping(ask: CredentialProvider): CredentialProvider {
  let asked: ReturnType<CredentialProvider> | undefined;
  return async () => {
    try {
      asked ??= ask();
      const credentials = await asked;
      if (credentials.expiration.getTime() - Date.now() > RENEW_BEFORE_MS) return credentials;
      asked = ask();
      return await asked;
    } catch (error) {
      asked = undefined;
      throw error;
    }
  };
}
