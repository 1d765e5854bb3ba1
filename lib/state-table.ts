// Defines the table that keeps the state of each receiver.

import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** A table that is protected against accidental loss: without its state, runs would notify of every finding again. */
export function makeStateTable(scope: Construct, id: string): ITable {
  const table = new Table(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    // Expires records of resolved findings, and leases of runs that died.
    timeToLiveAttribute: 'expiresAt',
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
  return table as ITable;
}

/** Allows `role` to read and write records of this table: no scans, no batches, no changes of the table itself. */
export function grantState(role: Role, table: ITable): void {
  grant(role, table, ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], undefined);
}

/** The partitions of the table, by what they hold. Those of receivers have a `#` in their names. */
const PARTITIONS = {
  receivers: '*#*',
  connectionLogs: 'connection-log',
  clients: 'clients-?',
  discovery: 'discovery',
} as const;

/** The same for some partitions only. Records that are not of receivers are neither listed nor deleted. */
export function grantPartition(role: Role, table: ITable, partition: keyof typeof PARTITIONS): void {
  const more = partition === 'receivers' ? ['dynamodb:Query', 'dynamodb:DeleteItem'] : [];
  grant(role, table, ['dynamodb:GetItem', 'dynamodb:PutItem', ...more], PARTITIONS[partition]);
}

function grant(role: Role, table: ITable, actions: readonly string[], partition: string | undefined): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: [...actions],
      resources: [table.tableArn],
      ...(partition === undefined
        ? {}
        : { conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [partition] } } }),
    }),
  );
  table.encryptionKey?.grantEncryptDecrypt(role);
}
