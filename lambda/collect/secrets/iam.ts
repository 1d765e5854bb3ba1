// Makes the credentials of a login by IAM database authentication: a token in place of a password.

import type { AssumedRole } from '../../model/assumed-role.ts';
import { displayText } from '../../model/display.ts';
import { DEFAULT_PORT } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import { regionOfHost } from '../../model/rds-region.ts';
import type { IamLogin, Target } from '../../model/target.ts';
import { type Credentials, DEFAULT_DATABASE } from './credentials.ts';
import { Redacted } from './redacted.ts';

/** What a token is good for: one role at one endpoint, for 15 minutes. */
export interface TokenRequest {
  readonly host: string;
  readonly port: number;
  readonly role: string;
  /** Undefined: the region of the environment. */
  readonly region: string | undefined;
  /** Whose credentials sign, with a region; undefined: the auditor's own. */
  readonly assumedRole: AssumedRole | undefined;
}

/** Signs a token with the AWS credentials of the auditor. It asks no server. */
export type TokenSigner = (request: TokenRequest) => Promise<string>;

/**
 * The credentials of one login, with a new token. The token is a secret, as a password is.
 *
 * @throws AuditFailure with the cause `iam-token-failed`
 */
export async function iamCredentials(
  target: Target,
  { role, region, assumedRole }: IamLogin,
  sign: TokenSigner,
): Promise<Credentials> {
  const { host, port = DEFAULT_PORT, database = DEFAULT_DATABASE } = target;
  if (host === undefined) throw noToken(role, 'the target names no host', 'add "host" to the target');
  const request = { host, port, role, region: region ?? regionOfHost(host), assumedRole };
  let token: string;
  try {
    token = await sign(request);
  } catch (error) {
    // The message of an AWS client may quote what it was given.
    const name = error instanceof Error ? displayText(error.name, 80) : 'an unknown error';
    if (assumedRole !== undefined && name === 'AssumeRoleError') {
      throw noToken(
        role,
        `the role ${displayText(assumedRole.roleArn, 600)} could not be assumed`,
        "let the role's trust policy name the auditor's role and the external id, and allow that one sts:AssumeRole",
        error,
      );
    }
    throw noToken(
      role,
      `AWS credentials or a region are missing (${name})`,
      'give the auditor AWS credentials that may call rds-db:connect, and "region" where the name of the host does not say it',
      error,
    );
  }
  return {
    host,
    port,
    user: role,
    password: new Redacted(token),
    database,
    facts: { source: `IAM authentication of ${displayText(role)}` },
  };
}

function noToken(role: string, problem: string, remedy: string, cause?: unknown): AuditFailure {
  return new AuditFailure(
    {
      cause: 'iam-token-failed',
      phase: 'secrets',
      message: `No IAM token can be made for the role ${displayText(role)}: ${problem}`,
      remedy,
    },
    { cause },
  );
}
