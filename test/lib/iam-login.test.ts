import { describe, expect, test } from 'vitest';
import { functionStatements, resourcesAllowed, synthesize } from './synthesis.ts';

const HOST = 'orders.abc123.eu-west-1.rds.amazonaws.com';
const CONNECT = 'rds-db:connect';
const users = (region: string): string => `arn:<AWS::Partition>:rds-db:${region}:<AWS::AccountId>:dbuser:*`;

describe('the function logs in by IAM', () => {
  test('as the roles that targets name, each in the region of its database, and as no others', () => {
    const { template } = synthesize({
      targets: [
        { name: 'orders', credentials: 'iam', role: 'tls_auditor', host: HOST },
        { name: 'billing', credentials: 'iam', role: 'tls_auditor', host: `x.${HOST}` },
        { name: 'ledger', credentials: 'iam', role: 'ledger.audit', host: 'ledger.internal' },
        { name: 'abroad', credentials: 'iam', role: 'tls_auditor', host: 'abroad.internal', region: 'us-east-2' },
      ],
    });
    expect(resourcesAllowed(template, CONNECT)).toEqual([
      `${users('<AWS::Region>')}/ledger.audit`,
      `${users('eu-west-1')}/tls_auditor`,
      `${users('us-east-2')}/tls_auditor`,
    ]);
  });

  test('and may read no secret where no target has one', () => {
    const { template } = synthesize({ targets: [{ name: 'orders', credentials: 'iam', role: 'a', host: HOST }] });
    expect(JSON.stringify(functionStatements(template))).not.toContain('secretsmanager');
  });

  test('nowhere where no target asks for it', () => {
    expect(resourcesAllowed(synthesize().template, CONNECT)).toEqual([]);
  });
});
