// Defines the failures of an audit: a stable cause, a sentence for people, and a remedy.

/**
 * Every cause an audit can end early with. Stable: alerts, mutes and dashboards are written against these.
 *
 * The `certificate-*` causes mean that the server's identity could not be verified.
 */
export const FAILURE_CAUSES = [
  // configuration and secrets
  'secret-not-found',
  'secret-access-denied',
  'secret-unavailable',
  'secret-unusable',
  'iam-token-failed',
  'ca-bundle-unusable',
  'client-certificate-unusable',
  'crl-unusable',
  // network
  'host-not-found',
  'connection-refused',
  'host-unreachable',
  'connection-forbidden',
  'auditor-out-of-resources',
  'connection-reset',
  'timed-out',
  // protocol and TLS
  'not-postgresql',
  'wrong-kind',
  'tls-not-offered',
  'tls-version-too-old',
  'tls-handshake-failed',
  'direct-tls-refused',
  'direct-tls-required',
  'client-certificate-required',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-wrong-host',
  'certificate-untrusted',
  'certificate-rejected',
  'certificate-revoked',
  'certificate-revocation-unknown',
  'protocol-violation',
  'answer-too-large',
  // login
  'server-not-proved',
  'channel-binding-failed',
  'authentication-unsupported',
  'authentication-not-allowed',
  'password-rejected',
  'login-refused',
  'database-missing',
  'database-refused',
  'endpoint-not-found',
  'endpoint-disabled',
  'login-code-failed',
  'too-many-connections',
  'server-not-ready',
  'server-out-of-resources',
  'server-fault',
  'login-failed',
  // after login
  'product-unsupported',
  'version-unsupported',
  'version-unknown',
  'query-failed',
  'query-canceled',
  'answer-incomplete',
  'recovery-conflict',
  'session-ended',
  'answer-unusable',
  'out-of-time',
  'interrupted',
  'network-unknown',
  'worker-failed',
  'internal-error',
] as const;

export type FailureCause = (typeof FAILURE_CAUSES)[number];

/** How far the audit of a target had come. */
export const PHASES = ['secrets', 'tcp', 'tls', 'login', 'query', 'waiting'] as const;
export type Phase = (typeof PHASES)[number];

/** The plain value that reports carry. */
export interface Failure {
  readonly cause: FailureCause;
  readonly phase: Phase;
  /** One sentence: what failed, with what value. */
  readonly message: string;
  /** What to do, as an instruction. Settings of a configured target stand in it in quotes: `"tlsServerName"`. */
  readonly remedy: string;
  /**
   * The same for a server that --url names, where other names for the settings do not suffice (`failureForTarget`). Not
   * in reports.
   */
  readonly remedyForUrl?: string | undefined;
}

/** An audit that ended early. Never carries a secret: its message and remedy are shown to people. */
export class AuditFailure extends Error {
  override readonly name = 'AuditFailure';
  readonly failure: Failure;
  /** Whether the same attempt may succeed a moment later. */
  readonly transient: boolean;

  constructor(failure: Failure, options: { readonly cause?: unknown; readonly transient?: boolean } = {}) {
    super(failure.message, { cause: options.cause });
    this.failure = failure;
    this.transient = options.transient ?? false;
  }
}

/** Whether the server's certificate did not prove who the server is. */
export function isIdentityFailure(cause: FailureCause): boolean {
  return cause.startsWith('certificate-');
}

/** Whether the cause may mean that something intercepts the connection or impersonates the server. */
export function mayBeImpostor(cause: FailureCause): boolean {
  return isIdentityFailure(cause) || cause === 'server-not-proved' || cause === 'channel-binding-failed';
}
