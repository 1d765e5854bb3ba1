// Names the errors of the AWS SDK, and says what to do about those that every service has.

/** A safe name of an error: the service's answer may hold any text. */
const NAME = /^[\w.:#-]{1,80}$/;

/** The service's own name of the error, or the system's code of a network failure. */
export function failureName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown cause';
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && NAME.test(code)) return code;
  // Node tries every address of a host, and reports all errors together.
  if (error instanceof AggregateError && error.errors.length > 0) return failureName(error.errors[0]);
  return NAME.test(error.name) ? error.name : 'unknown cause';
}

/** Whether the service could not be reached, or did not answer in time. */
export function isUnreachable(error: unknown): boolean {
  return /^(E[A-Z_]{3,}|TimeoutError)$/.test(failureName(error));
}

const CREDENTIALS = 'Check the AWS credentials in use: they are missing, wrong or expired.';

/** What to do about errors that every service has. */
export const COMMON_REMEDIES: Readonly<Record<string, string>> = {
  AbortError: 'The run had no time left: give it more (deployment.timeoutMinutes), or audit fewer targets in a run.',
  CredentialsProviderError: CREDENTIALS,
  UnrecognizedClientException: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  SignatureDoesNotMatch: CREDENTIALS,
  InvalidSignatureException: CREDENTIALS,
  ExpiredToken: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
};
