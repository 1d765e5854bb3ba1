// Reads Secrets Manager: each secret once a run, many in one call, with a failure of its own for each kind of error.

import {
  BatchGetSecretValueCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretValueEntry,
} from '@aws-sdk/client-secrets-manager';
import { roleCredentials } from '../../aws/role-credentials.ts';
import { parseArn } from '../../model/arn.ts';
import { AuditFailure, type FailureCause } from '../../model/failure.ts';
import type { SecretPlace, Target } from '../../model/target.ts';
import { shared } from '../../runtime/confinement.ts';

/** Secrets a BatchGetSecretValue call takes at most (AWS API reference). */
const BATCH_SIZE = 20;

export type SecretContent = string | Uint8Array;

export interface SecretStore {
  /**
   * The current value of a secret, by name or ARN; fetched once and kept for the life of the store.
   *
   * @throws AuditFailure in the phase `secrets`
   */
  get(id: string): Promise<SecretContent>;
  /** Fetches the secret anew, and keeps that value. */
  refresh(id: string): Promise<SecretContent>;
}

/** Makes a client for a region; undefined is the region of the environment. */
export type SecretsManagerFactory = (region: string | undefined) => SecretsManagerClient;

/**
 * Real clients, with the SDK's own retries and bounded waits. Standard AWS variables apply, AWS_ENDPOINT_URL included.
 *
 * @param place - Whose secrets they read. @default the auditor's account, in the region of the environment
 */
export function secretsManagerClients(place?: SecretPlace): SecretsManagerFactory {
  const clients = new Map<string | undefined, SecretsManagerClient>();
  return (named) => {
    const region = named ?? place?.region;
    const existing = clients.get(region);
    if (existing !== undefined) return existing;
    const client = new SecretsManagerClient({
      ...(region === undefined ? {} : { region }),
      ...(place === undefined ? {} : { credentials: roleCredentials(place.assumedRole, place.region) }),
      maxAttempts: 4,
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 6_000, throwOnRequestTimeout: true },
    });
    clients.set(region, client);
    return client;
  };
}

/** A store for one run: a value fetched for one target serves every other that names the same secret. */
export function createSecretStore(clientFor: SecretsManagerFactory): SecretStore {
  const values = new Map<string, Promise<SecretContent>>();
  const queue = new Map<string, Request>();

  // Requests made in one turn of the event loop leave together, as targets are started together; those for the same
  // secret, as those for a secret just rotated, as one.
  const fetch = (id: string): Promise<SecretContent> => {
    const queued = queue.get(id);
    if (queued !== undefined) return queued.promise;
    // What goes wrong there concerns every target that waits for it.
    if (queue.size === 0) shared(() => setImmediate(flush));
    const request: Request = { id, ...Promise.withResolvers<SecretContent>() };
    queue.set(id, request);
    return request.promise;
  };

  const flush = (): void => {
    const byRegion = Map.groupBy(queue.values(), ({ id }) => regionOf(id));
    queue.clear();
    for (const [region, requests] of byRegion) {
      for (let start = 0; start < requests.length; start += BATCH_SIZE) {
        void fetchBatch(() => clientFor(region), requests.slice(start, start + BATCH_SIZE));
      }
    }
  };

  const refresh = (id: string): Promise<SecretContent> => {
    const value = fetch(id);
    values.set(id, value);
    // A failure reaches the callers that wait for it and is not cached, so that a retry asks again.
    value.catch(() => {
      if (values.get(id) === value) values.delete(id);
    });
    return value;
  };

  return { get: (id) => values.get(id) ?? refresh(id), refresh };
}

interface Request {
  readonly id: string;
  readonly promise: Promise<SecretContent>;
  readonly resolve: (value: SecretContent) => void;
  readonly reject: (reason: AuditFailure) => void;
}

/**
 * One call for all. Whatever it does not answer is asked for by itself: BatchGetSecretValue needs a permission of its
 * own, which an account may refuse, and names its errors less precisely.
 */
async function fetchBatch(makeClient: () => SecretsManagerClient, requests: readonly Request[]): Promise<void> {
  const rejectAll = (error: unknown): void => {
    for (const { id, reject } of requests) reject(secretFailure(id, error));
  };
  let client: SecretsManagerClient;
  try {
    client = makeClient();
  } catch (error) {
    rejectAll(error);
    return;
  }
  let entries: readonly SecretValueEntry[] = [];
  if (requests.length > 1) {
    try {
      const command = new BatchGetSecretValueCommand({ SecretIdList: requests.map(({ id }) => id) });
      entries = (await client.send(command)).SecretValues ?? [];
    } catch (error) {
      // Asking twenty times what was throttled once would make it worse.
      if (isTransient(error)) {
        rejectAll(error);
        return;
      }
    }
  }
  await Promise.all(
    requests.map(async ({ id, resolve, reject }) => {
      const entry = entries.find(({ Name, ARN }) => Name === id || ARN === id || ARN?.slice(0, -7) === id);
      try {
        resolve(contentOf(id, entry ?? (await client.send(new GetSecretValueCommand({ SecretId: id })))));
      } catch (error) {
        reject(error instanceof AuditFailure ? error : secretFailure(id, error));
      }
    }),
  );
}

function contentOf(id: string, entry: Pick<SecretValueEntry, 'SecretString' | 'SecretBinary'>): SecretContent {
  const content = entry.SecretString ?? entry.SecretBinary;
  if (content !== undefined && content.length > 0) return content;
  throw new AuditFailure({
    cause: 'secret-unusable',
    phase: 'secrets',
    message: `The secret ${id} is empty`,
    remedy: 'store a value in it',
  });
}

function regionOf(id: string): string | undefined {
  return parseArn(id)?.region;
}

interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: object;
}

function isTransient(error: unknown): boolean {
  const { name, code, $metadata, $retryable } = error as ServiceError;
  const status = $metadata?.httpStatusCode ?? 0;
  return (
    $retryable !== undefined ||
    status >= 500 ||
    status === 429 ||
    /Throttl|TooManyRequests|TimeoutError|InternalServiceError/.test(name ?? '') ||
    ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN'].includes(code ?? '')
  );
}

/**
 * The error without what hangs on it unseen: the service's answer, and the request with the auditor's own session
 * token. JSON's parser quotes what it can't read, perhaps a secret, so of its errors nothing is kept.
 */
function withoutAnswer(error: unknown): Error | undefined {
  if (error instanceof SyntaxError) return undefined;
  const { name, message, code, $metadata } = error as ServiceError;
  return Object.assign(new Error(message), { name, code, $metadata });
}

/** The name of an error comes from the service's answer: only what is a name is shown. */
function errorWord(name: unknown): string | undefined {
  return typeof name === 'string' && /^\w{1,64}$/.test(name) ? name : undefined;
}

/** By the errors that GetSecretValue documents. The SDK's messages are not passed on: they may echo request data. */
function secretFailure(id: string, error: unknown): AuditFailure {
  const { code, message: said = '' } = error as ServiceError;
  const name = errorWord((error as ServiceError).name) ?? 'unknown error';
  const build = (cause: FailureCause, message: string, remedy: string): AuditFailure =>
    new AuditFailure(
      { cause, phase: 'secrets', message: `${message} (${errorWord(code) ?? name})`, remedy },
      { cause: withoutAnswer(error), transient: isTransient(error) },
    );
  if (said.startsWith('Region ')) {
    // A plain Error of the SDK's: it has no code, and its name says nothing.
    return new AuditFailure(
      {
        cause: 'secret-unavailable',
        phase: 'secrets',
        message: `There is no AWS region to read the secret ${id} in`,
        remedy: 'set AWS_REGION, or name the secret by its full ARN',
      },
      { cause: withoutAnswer(error) },
    );
  }
  switch (name) {
    case 'ResourceNotFoundException':
      return build(
        'secret-not-found',
        `The secret ${id} does not exist in this account and region`,
        'create it, or correct its name in the configuration; a secret in another region needs its full ARN',
      );
    case 'AccessDeniedException':
      return build(
        'secret-access-denied',
        `The secret ${id} may not be read`,
        'allow secretsmanager:GetSecretValue on it; where it is encrypted with a customer-managed key, add the key to deployment.secretKmsKeyArns and deploy again',
      );
    case 'DecryptionFailure':
      return build(
        'secret-access-denied',
        `The secret ${id} could not be decrypted`,
        'allow kms:Decrypt on its key: add the key to deployment.secretKmsKeyArns and deploy again',
      );
    case 'AssumeRoleError':
      return build(
        'secret-access-denied',
        `The role of the account that has the secret ${id} could not be assumed`,
        "let the role's trust policy name the auditor's role and the external id, and allow that one sts:AssumeRole",
      );
    case 'InvalidRequestException':
      return build(
        'secret-unusable',
        `The secret ${id} is marked for deletion or has no current value`,
        'restore it (aws secretsmanager restore-secret) or store a value in it',
      );
    case 'CredentialsProviderError':
      return build(
        'secret-unavailable',
        `No AWS credentials were found to read the secret ${id}`,
        'log in to AWS (aws sso login, AWS_PROFILE or AWS_ACCESS_KEY_ID) and set AWS_REGION',
      );
    case 'ExpiredTokenException':
    case 'InvalidSignatureException':
    case 'UnrecognizedClientException':
      return build(
        'secret-unavailable',
        `AWS does not accept the credentials that were to read the secret ${id}`,
        'log in to AWS again (aws sso login, or new AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), and check the clock',
      );
    default:
      return build(
        'secret-unavailable',
        `Secrets Manager did not give the secret ${id}`,
        'if it persists: check the Secrets Manager VPC endpoint, its security group, and throttling in CloudTrail',
      );
  }
}

/**
 * Starts fetching all secrets of a run at its start, twenty to a call, instead of one by one when each target begins.
 * The targets that need a secret which fails here ask for it again and report the failure.
 */
export function prefetchSecrets(targets: readonly Target[], secrets: SecretStore): void {
  const sources = targets.flatMap(({ credentials, ca, crl = [], clientCertificate }) => [
    credentials,
    ...ca,
    ...crl,
    clientCertificate,
  ]);
  const ids = sources.flatMap((source) =>
    // Other accounts have stores of their own.
    typeof source === 'object' && 'secret' in source && !('place' in source) ? source.secret : [],
  );
  for (const id of new Set(ids)) secrets.get(id).catch(() => {});
}
