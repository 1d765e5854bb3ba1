// Tokens for databases of other accounts: signed with the role's credentials, which are asked for once.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../../lab/aws.ts';
import { rdsTokenSigner } from '../../../lambda/collect/secrets/rds-signer.ts';

const ROLE = 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader';

let aws: AwsEndpoint;
beforeEach(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

const request = { host: 'orders.internal', port: 5432, role: 'tls_auditor', region: 'eu-west-1' };

test('one session serves all databases of an account, and the own account needs none', async () => {
  aws.sts.roles = [{ arn: ROLE }];
  const sign = rdsTokenSigner();
  const assumedRole = { roleArn: ROLE };
  const [first, second] = await Promise.all([
    sign({ ...request, assumedRole }),
    sign({ ...request, host: 'ledger.internal', assumedRole }),
  ]);
  const own = await sign({ ...request, assumedRole: undefined });
  expect(aws.sts.sessions).toHaveLength(1);
  for (const token of [first, second]) {
    expect(token).toMatch(/X-Amz-Credential=ASIALAB/);
    expect(token).toContain('X-Amz-Security-Token=not-a-token');
  }
  expect(own).not.toContain('ASIALAB');
});

test('a role that can not be assumed is asked for again at the next login', async () => {
  const sign = rdsTokenSigner();
  const assumedRole = { roleArn: ROLE, externalId: 'auditor-7' };
  await expect(sign({ ...request, assumedRole })).rejects.toThrow('the role could not be assumed');
  aws.sts.roles = [{ arn: ROLE, externalId: 'auditor-7' }];
  expect(await sign({ ...request, assumedRole })).toContain('ASIALAB');
});
