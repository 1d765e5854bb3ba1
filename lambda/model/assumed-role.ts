// Defines a role of AWS in another account, which the auditor assumes.

export interface AssumedRole {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
}
