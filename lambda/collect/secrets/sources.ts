// Reads credentials, CA bundles and client certificates from secrets, files and the environment.

import { parseArn } from '../../model/arn.ts';
import { AuditFailure, type FailureCause } from '../../model/failure.ts';
import { showName, showPath } from '../../model/given-text.ts';
import type { SecretPlace } from '../../model/target.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import type { TokenSigner } from './iam.ts';
import { createSecretStore, type SecretContent, type SecretStore, secretsManagerClients } from './store.ts';

type Source =
  | { readonly secret: string; readonly place?: SecretPlace | undefined }
  | { readonly env: string }
  | { readonly file: string }
  | { readonly option: string };

export interface SourceReader {
  /**
   * @param fresh ask Secrets Manager again instead of using the value fetched before
   * @throws AuditFailure in the phase `secrets`
   */
  read(source: Source, options?: { readonly fresh?: boolean }): Promise<SecretContent>;
  /** Signs IAM tokens. */
  readonly token: TokenSigner;
}

/** The signer is loaded where a target logs in by IAM only; other deployments leave it out of the bundle. */
function lazySigner(): TokenSigner {
  let signer: Promise<TokenSigner> | undefined;
  const load = async (): Promise<TokenSigner> => {
    const { rdsTokenSigner } = await import('./rds-signer.ts');
    return rdsTokenSigner();
  };
  return async (request) => {
    signer ??= load();
    return await (await signer)(request);
  };
}

/** One store for each account and region: its secrets are read with the role of that account. */
function storesElsewhere(): (place: SecretPlace) => SecretStore {
  const stores = new Map<string, SecretStore>();
  return (place) => {
    const { region, assumedRole } = place;
    const key = JSON.stringify([region, assumedRole.roleArn, assumedRole.externalId]);
    const store = stores.get(key) ?? createSecretStore(secretsManagerClients(place));
    stores.set(key, store);
    return store;
  };
}

/**
 * Reads sources; environment and options are parameters, so that callers decide what is in them.
 *
 * @param secrets of the auditor's account
 */
export function createSourceReader(
  secrets: SecretStore,
  environment: Readonly<Record<string, string | undefined>>,
  options: Readonly<Record<string, string>> = {},
): SourceReader {
  const elsewhere = storesElsewhere();
  return {
    token: lazySigner(),
    read: async (source, { fresh = false } = {}) => {
      if ('secret' in source) {
        const store = source.place === undefined ? secrets : elsewhere(source.place);
        return fresh ? store.refresh(source.secret) : store.get(source.secret);
      }
      if ('option' in source) return options[source.option] ?? '';
      if ('env' in source) {
        const value = environment[source.env];
        if (value !== undefined && value !== '') return value;
        throw failure(
          'secret-not-found',
          `The environment variable ${showName(source.env)} is not set`,
          `export ${showName(source.env)}=…`,
        );
      }
      try {
        return await readBoundedFile(source.file);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw code === 'EACCES' || code === 'EPERM'
          ? failure(
              'secret-access-denied',
              `The file ${showPath(source.file)} may not be read (${code})`,
              'check its permissions',
              error,
            )
          : failure(
              'secret-not-found',
              `The file ${showPath(source.file)} cannot be read (${code})`,
              'check its path',
              error,
            );
      }
    },
  };
}

/** What people call a source: never its content. */
export function describeSource(source: Source): string {
  if ('secret' in source) {
    const account = source.place && parseArn(source.place.assumedRole.roleArn)?.account;
    return `secret ${source.secret}${account === undefined ? '' : ` of account ${account}`}`;
  }
  if ('option' in source) return `option ${source.option}`;
  return 'env' in source ? `environment variable ${showName(source.env)}` : `file ${showPath(source.file)}`;
}

function failure(cause: FailureCause, message: string, remedy: string, error?: unknown): AuditFailure {
  return new AuditFailure({ cause, phase: 'secrets', message, remedy }, { cause: error });
}
