// Grants the import of findings into AWS Security Hub, as this account's own product.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** @see https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html */
export function grantFindingsImport(scope: Construct, role: Role): void {
  const stack = Stack.of(scope);
  role.addToPolicy(
    new PolicyStatement({
      actions: ['securityhub:BatchImportFindings'],
      resources: [
        stack.formatArn({
          service: 'securityhub',
          resource: 'product',
          resourceName: `${stack.account}/default`,
          arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        }),
      ],
    }),
  );
}
