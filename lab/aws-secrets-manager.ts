// Serves AWS Secrets Manager's GetSecretValue and BatchGetSecretValue, with the service's limits.

import { randomUUID } from 'node:crypto';
import { AwsFailure } from './aws-failure.ts';

/** Text, bytes, or a secret that exists but may not be read. */
export type SecretValue = string | Uint8Array | { readonly denied: true };

/** Bytes that a secret holds at most ("Secrets Manager quotas"). */
const MOST_BYTES = 65_536;

/** Secrets that one BatchGetSecretValue reads at most (its API reference). */
const LARGEST_BATCH = 20;

interface StoredSecret {
  readonly name: string;
  readonly value: SecretValue;
  readonly versionId: string;
  readonly createdAt: number;
}

export class SecretsManager {
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #arnPrefix: string;

  constructor(region: string, account: string) {
    this.#arnPrefix = `arn:aws:secretsmanager:${region}:${account}:secret:`;
  }

  /** Creates a secret, or gives it a new version. */
  set(name: string, value: SecretValue): void {
    const bytes = typeof value === 'string' ? Buffer.byteLength(value) : value instanceof Uint8Array ? value.length : 0;
    if (bytes > MOST_BYTES) {
      throw new RangeError(`a secret holds at most ${MOST_BYTES} bytes, and ${name} would have ${bytes}`);
    }
    this.#secrets.set(name, { name, value, versionId: randomUUID(), createdAt: Date.now() / 1000 });
  }

  delete(name: string): void {
    this.#secrets.delete(name);
  }

  arn(name: string): string {
    return `${this.#arnPrefix}${name}-AbCdEf`;
  }

  getSecretValue(input: Readonly<Record<string, unknown>>): object {
    const { SecretId: id } = input;
    if (typeof id !== 'string' || id === '') {
      throw new AwsFailure('ValidationException', "Value at 'secretId' failed to satisfy constraint");
    }
    return this.#read(id);
  }

  batchGetSecretValue(input: Readonly<Record<string, unknown>>): object {
    const { SecretIdList: ids } = input;
    if (!Array.isArray(ids) || ids.length < 1 || ids.length > LARGEST_BATCH) {
      throw new AwsFailure('ValidationException', `'secretIdList' must have 1 to ${LARGEST_BATCH} members`);
    }
    const values: object[] = [];
    const errors: object[] = [];
    for (const id of ids.map(String)) {
      try {
        values.push(this.#read(id));
      } catch (error) {
        if (!(error instanceof AwsFailure)) throw error;
        errors.push({ SecretId: id, ErrorCode: error.code, Message: error.message });
      }
    }
    return { SecretValues: values, Errors: errors };
  }

  #read(id: string): object {
    const secret = this.#find(id);
    if (secret === undefined) {
      throw new AwsFailure('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    }
    const { name, value, versionId, createdAt } = secret;
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw new AwsFailure(
        'AccessDeniedException',
        `User is not authorized to perform: secretsmanager:GetSecretValue on resource: ${name}`,
      );
    }
    return {
      ARN: this.arn(name),
      Name: name,
      VersionId: versionId,
      VersionStages: ['AWSCURRENT'],
      CreatedDate: createdAt,
      ...(typeof value === 'string'
        ? { SecretString: value }
        : { SecretBinary: Buffer.from(value).toString('base64') }),
    };
  }

  /** By name, by ARN, or by ARN without its six random characters, as the service takes them. */
  #find(id: string): StoredSecret | undefined {
    if (!id.startsWith('arn:')) return this.#secrets.get(id);
    if (!id.startsWith(this.#arnPrefix)) return undefined;
    const name = id.slice(this.#arnPrefix.length);
    return this.#secrets.get(name.replace(/-AbCdEf$/, '')) ?? this.#secrets.get(name);
  }
}
