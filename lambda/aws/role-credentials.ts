// Gives clients the credentials of a role in another account, with the part that asks for them loaded when it is used.

import type { AssumedRole } from '../model/assumed-role.ts';
import type { CredentialProvider } from './assumed-role.ts';

/**
 * Deployments without such roles leave the part that asks STS out of the bundle.
 *
 * @param region whose STS is asked: the one of the databases
 */
export function roleCredentials(role: AssumedRole, region: string): CredentialProvider {
  return async () => {
    const { credentialsOfRole } = await import('./assumed-role.ts');
    return await credentialsOfRole(role, region)();
  };
}
