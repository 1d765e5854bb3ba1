// Reads the parts of an Amazon Resource Name.

/**
 * The parts of `arn:partition:service:region:account:resource`. Region and account are empty where the service has
 * none.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
 */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** Everything after the account, colons included. */
  readonly resource: string;
}

/** @returns undefined for a text that is not an ARN */
export function parseArn(text: string): Arn | undefined {
  const [prefix, partition = '', service = '', region = '', account = '', ...resource] = text.split(':');
  if (prefix !== 'arn' || resource.length === 0) return undefined;
  return { partition, service, region, account, resource: resource.join(':') };
}
