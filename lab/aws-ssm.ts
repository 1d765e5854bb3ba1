// Serves GetParameter of AWS Systems Manager, with the service's limit of size.

import { AwsFailure } from './aws-failure.ts';

/** Bytes of an advanced parameter ("Managing parameter tiers"). */
const MOST_BYTES = 8_192;

export class Ssm {
  readonly #parameters = new Map<string, { readonly value: string; readonly version: number }>();
  readonly #arnPrefix: string;

  constructor(region: string, account: string) {
    this.#arnPrefix = `arn:aws:ssm:${region}:${account}:parameter`;
  }

  /** Creates a parameter, or gives it a new version. */
  set(name: string, value: string): void {
    const bytes = Buffer.byteLength(value);
    if (bytes > MOST_BYTES) {
      throw new RangeError(`a parameter holds at most ${MOST_BYTES} bytes, and ${name} would have ${bytes}`);
    }
    this.#parameters.set(name, { value, version: (this.#parameters.get(name)?.version ?? 0) + 1 });
  }

  delete(name: string): void {
    this.#parameters.delete(name);
  }

  getParameter({ Name: name }: Readonly<Record<string, unknown>>): object {
    const found = typeof name === 'string' ? this.#parameters.get(name) : undefined;
    if (found === undefined) throw new AwsFailure('ParameterNotFound', '');
    const { value, version } = found;
    return {
      Parameter: { Name: name, Type: 'SecureString', Value: value, Version: version, ARN: `${this.#arnPrefix}${name}` },
    };
  }
}
