// What the AWS SDK throws, in the words that messages are built from.

/** A name comes from the service's answer, which may hold anything. */
const NAME = /^[\w.:#-]{1,80}$/;

/** The service's own name of the error, or the system's code of a network failure. */
export function failureName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown cause';
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && NAME.test(code)) return code;
  // Node tries every address of a name and reports them together.
  if (error instanceof AggregateError && error.errors.length > 0) return failureName(error.errors[0]);
  return NAME.test(error.name) ? error.name : 'unknown cause';
}

/** Whether nobody answered, be it that the service could not be reached or that it took too long. */
export function isUnreachable(error: unknown): boolean {
  return /^(E[A-Z_]{3,}|TimeoutError)$/.test(failureName(error));
}

const CREDENTIALS = 'Check the AWS credentials in use: they are missing, wrong or expired.';

/** What to do about failures that every service has. */
export const COMMON_REMEDIES: Readonly<Record<string, string>> = {
  AbortError:
    'The run had no time left for it: give it more (deployment.timeoutMinutes), or audit fewer targets a run.',
  CredentialsProviderError: CREDENTIALS,
  UnrecognizedClientException: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  SignatureDoesNotMatch: CREDENTIALS,
  InvalidSignatureException: CREDENTIALS,
  ExpiredToken: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
};
