// The table in which runs remember what they have told.

import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** A table of which nothing is lost by accident: runs that forgot would tell everything again. */
export function makeStateTable(scope: Construct, id: string): ITable {
  const table = new Table(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    // What is long resolved, and turns of runs that died.
    timeToLiveAttribute: 'expiresAt',
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
  return table as ITable;
}

/** Lets `role` read and write this one table, record by record: no scans, no batches, no changes of the table itself. */
export function grantState(role: Role, table: ITable): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'],
      resources: [table.tableArn],
    }),
  );
  table.encryptionKey?.grantEncryptDecrypt(role);
}
