// The type of the report document. Made by npm run generate.

/** The report of a run, as `--format json` prints it, and as messages and the evidence archive hold it. */
export interface AuditReport {
  schemaVersion: 1;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** ISO 8601, UTC. */
  finishedAt: string;
  policy: {
    minTlsVersion: 'SSLv2' | 'SSLv3' | 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
    preferredTlsVersion: 'SSLv2' | 'SSLv3' | 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
    cipherProfile: 'mozilla-intermediate' | 'mozilla-modern' | 'nist-sp-800-52r2';
    /** The guideline that the cipher profile follows. */
    cipherProfileSource: {
      document: string;
      version: string;
      url: string;
    };
    loopback: 'info' | 'ignore' | 'network';
    certificateExpiryDays: {
      medium: number;
      high: number;
      critical: number;
    };
    /** Roles that must present a client certificate. */
    clientCertificateRoles: string[];
  };
  /**
   * Whether runs are compared. none: no state is configured; kept: they are; unreadable: this run could not read the
   * state.
   */
  state: 'none' | 'kept' | 'unreadable';
  /** Problems of the auditor itself. Absent where there are none. */
  warnings?: Array<{
    /**
     * no-subscriber: no confirmed subscription receives an alert; subscribers-unknown: SNS did not say;
     * state-unreadable; targets-unknown: a source of targets failed; discovery: a rule of discovery, or what depends on
     * it, has no database; database-not-covered: RDS has a PostgreSQL database that no rule takes; clock: the state
     * holds times in the future; findings-dropped: a target has so many open findings that the oldest are no longer
     * recorded; nearly-out-of-time: the last targets were reached with little time left.
     */
    id:
      'no-subscriber' | 'subscribers-unknown' | 'state-unreadable' | 'targets-unknown' | 'discovery' |
      'database-not-covered' | 'clock' | 'findings-dropped' | 'nearly-out-of-time';
    message: string;
  }> | undefined;
  targets: Array<{
    name: string;
    /** Absent means postgresql. */
    kind?: 'postgresql' | 'pgbouncer' | undefined;
    /** Null while the credentials that name it could not be read. */
    host: string | null;
    port: number | null;
    labels: Record<string, string>;
    /** When the target was audited. ISO 8601, UTC. */
    takenAt: string;
    verdict: 'clean' | 'findings' | 'unknown' | 'not-audited';
    /** Why the target was not audited. */
    error?: {
      cause:
        'secret-not-found' | 'secret-access-denied' | 'secret-unavailable' | 'secret-unusable' | 'iam-token-failed' |
        'ca-bundle-unusable' | 'client-certificate-unusable' | 'crl-unusable' | 'host-not-found' | 'connection-refused'
        | 'host-unreachable' | 'connection-forbidden' | 'auditor-out-of-resources' | 'connection-reset' | 'timed-out' |
        'not-postgresql' | 'wrong-kind' | 'tls-not-offered' | 'tls-version-too-old' | 'tls-handshake-failed' |
        'direct-tls-refused' | 'direct-tls-required' | 'client-certificate-required' | 'certificate-expired' |
        'certificate-not-yet-valid' | 'certificate-wrong-host' | 'certificate-untrusted' | 'certificate-rejected' |
        'certificate-revoked' | 'certificate-revocation-unknown' | 'protocol-violation' | 'answer-too-large' |
        'server-not-proved' | 'channel-binding-failed' | 'authentication-unsupported' | 'authentication-not-allowed' |
        'password-rejected' | 'login-refused' | 'database-missing' | 'database-refused' | 'endpoint-not-found' |
        'endpoint-disabled' | 'login-code-failed' | 'too-many-connections' | 'server-not-ready' |
        'server-out-of-resources' | 'server-fault' | 'login-failed' | 'product-unsupported' | 'version-unsupported' |
        'version-unknown' | 'query-failed' | 'query-canceled' | 'answer-incomplete' | 'recovery-conflict' |
        'session-ended' | 'answer-unusable' | 'out-of-time' | 'interrupted' | 'network-unknown' | 'worker-failed' |
        'internal-error';
      phase: string;
      message: string;
      remedy: string;
    } | undefined;
    /** Null when the target was not reached. */
    link: {
      tlsVersion: string;
      cipher: string;
      authorized: boolean;
      /** The name or address the certificate was verified against. */
      verifiedName: string;
      sslNegotiation: 'postgres' | 'direct';
      authentication: 'scram-sha-256-plus' | 'scram-sha-256' | 'md5' | 'password' | 'none';
      /** SCRAM was bound to this TLS channel: there is no proxy in between that ends TLS. */
      channelBinding: boolean;
      /** The server's own row for the auditor's session; null where it showed none. */
      serverView: {
        tlsVersion: string;
        cipher: string;
      } | 'not-tls' | null;
      /** The chain as presented, leaf first. */
      certificates: Array<{
        subject: string;
        issuer: string;
        /** ISO 8601, UTC. */
        notBefore: string;
        /** ISO 8601, UTC. */
        notAfter: string;
        subjectAltNames: string[];
        sha256: string;
      }>;
      /** Further certificates that the server presented. */
      omittedCertificates?: number | undefined;
      timings: {
        /** Milliseconds. */
        tcp: number;
        /** Milliseconds. */
        tlsHandshake: number;
        /** Milliseconds. */
        authentication: number;
        /** Milliseconds. */
        queries: number;
      };
      /** Round trips after login. */
      roundTrips: number;
      attempts: number;
    } | null;
    server: {
      version: string;
      inRecovery: boolean;
    } | null;
    /** Null when sessions could not be observed: not the same as zero sessions. */
    sessions: {
      total: number;
      /** Sessions whose encryption the server did not show to this login; not in total. */
      hidden: number;
      byTransport: {
        tls: number;
        gss: number;
        'unix-socket': number;
        loopback: number;
        plaintext: number;
      };
      byTlsVersion: Record<string, number>;
      /** Of a pooler only, by transport: its client side, and its server side. */
      byHop?: {
        client: {
          tls: number;
          gss: number;
          'unix-socket': number;
          loopback: number;
          plaintext: number;
        };
        server: {
          tls: number;
          gss: number;
          'unix-socket': number;
          loopback: number;
          plaintext: number;
        };
      } | undefined;
    } | null;
    /** Null where the target does not ask for the wire probe. */
    probe: {
      /** The role whose login was tried in plaintext. */
      role: string;
      database: string;
      plaintext: {
        answer: 'accepted' | 'refused' | 'unknown';
        /** How the server refused, or why the answer is not known. */
        reason?: string | undefined;
        /** What the server asked for where it accepted; "none": it let the role in. */
        authentication?: 'none' | 'password' | 'md5' | 'sasl' | 'gss' | 'sspi' | 'other' | undefined;
      };
      /** Null where it is not known. */
      offersTls: boolean | null;
      tlsVersions: Record<'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3', {
        answer: 'accepted' | 'refused' | 'unknown';
        /** How the server refused, or why the answer is not known. */
        reason?: string | undefined;
      }>;
      /** TLS without an SSLRequest before it. */
      directTls: {
        answer: 'accepted' | 'refused' | 'unknown';
        /** How the server refused, or why the answer is not known. */
        reason?: string | undefined;
      };
      /**
       * What the server chose where post-quantum hybrids were offered first; without a group where it does not accept
       * TLSv1.3, with a reason where it is not known.
       */
      keyExchange: {
        group: string | null;
        postQuantum: boolean;
      } | {
        reason: string;
      };
      /** What it did when it was offered only suites without encryption, without authentication or of export grade. */
      brokenSuites: {
        answer: 'accepted' | 'refused' | 'unknown';
        /** How the server refused, or why the answer is not known. */
        reason?: string | undefined;
        /** What the server chose where it accepted, by OpenSSL's name. */
        suite?: string | undefined;
      };
      /** How many connections the probe made. */
      connections: number;
    } | {
      /** Why there was no probe. */
      reason: string;
    } | null;
    /**
     * snapshot: the sessions that were open at the moment of the run; sampled: also those of some seconds after it;
     * continuous: also every login that the connection log shows, since coverageSince.
     */
    coverage: 'snapshot' | 'sampled' | 'continuous';
    /** Since when the connection log was read without a gap, where coverage is continuous. ISO 8601, UTC. */
    coverageSince?: string | undefined;
    /**
     * Logins of the last 24 hours that the connection log shows; null where it was not read, absent where the target
     * names none. A log can be forged: no verdict rests on it.
     */
    logins?: {
      source: 'server-files' | 'cloudwatch-logs';
      /** The window that the counts are of. ISO 8601, UTC. */
      from: string;
      /** ISO 8601, UTC. */
      to: string;
      total: number;
      byTransport: Record<'tls' | 'gss' | 'unix-socket' | 'loopback' | 'plaintext', number>;
    } | null | undefined;
    checks: Array<{
      id: string;
      status: 'pass' | 'fail' | 'not-applicable' | 'unknown' | 'error';
      reason?: string | undefined;
    }>;
  }>;
  /** What this run found, muted or not. Worst first. */
  findings: Array<{
    /** Identifies the finding: the same from run to run until it is fixed. */
    fingerprint: string;
    check: string;
    severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
    target: string;
    title: string;
    role?: string | undefined;
    database?: string | undefined;
    application?: string | undefined;
    /** Client addresses, or networks when there are many. */
    clients?: string[] | undefined;
    /** How many sessions show it. */
    count?: number | undefined;
    evidence: Record<string, string | number | boolean | string[]>;
    remedy: string;
    /** The history of the finding; the times only where state is kept. */
    lifecycle?: {
      /**
       * The finding compared with earlier runs: new; escalated (more severe than in the last notification);
       * mute-expired; reminder (sent again); ongoing (open, not sent again yet); muted (not sent); observed (found by a
       * run without state).
       */
      reason: 'new' | 'escalated' | 'mute-expired' | 'reminder' | 'ongoing' | 'muted' | 'observed';
      /** When the finding was seen for the first time. ISO 8601, UTC. */
      firstSeen?: string | undefined;
      /**
       * When the present episode began: later than firstSeen where the finding was resolved in between. ISO 8601, UTC.
       */
      openedAt?: string | undefined;
      /** When the finding was seen for the last time. ISO 8601, UTC. */
      lastSeen?: string | undefined;
      /** The severity in the last notification; absent when there was none. */
      lastNotifiedSeverity?: 'info' | 'low' | 'medium' | 'high' | 'critical' | undefined;
      /** The mute that matches it, or matched it until now. */
      mute?: {
        /** Why the finding is accepted. */
        reason: string;
        /** The person or team that is responsible for the mute. */
        owner: string;
        /** When the mute ends. ISO 8601, UTC. */
        expires: string;
      } | undefined;
    } | undefined;
  }>;
  /**
   * Findings that are still open though this run did not see them: their target was not audited, a check could not see
   * everything, or a session has not been gone for long enough. Only where state is kept.
   */
  carriedOver?: Array<{
    /** Identifies the finding: the same from run to run until it is fixed. */
    fingerprint: string;
    check: string;
    severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
    target: string;
    title: string;
    role?: string | undefined;
    database?: string | undefined;
    application?: string | undefined;
    /** Client addresses, or networks when there are many. */
    clients?: string[] | undefined;
    /** How many sessions show it. */
    count?: number | undefined;
    evidence: Record<string, string | number | boolean | string[]>;
    remedy: string;
    /** The history of the finding; the times only where state is kept. */
    lifecycle?: {
      /**
       * The finding compared with earlier runs: new; escalated (more severe than in the last notification);
       * mute-expired; reminder (sent again); ongoing (open, not sent again yet); muted (not sent); observed (found by a
       * run without state).
       */
      reason: 'new' | 'escalated' | 'mute-expired' | 'reminder' | 'ongoing' | 'muted' | 'observed';
      /** When the finding was seen for the first time. ISO 8601, UTC. */
      firstSeen?: string | undefined;
      /**
       * When the present episode began: later than firstSeen where the finding was resolved in between. ISO 8601, UTC.
       */
      openedAt?: string | undefined;
      /** When the finding was seen for the last time. ISO 8601, UTC. */
      lastSeen?: string | undefined;
      /** The severity in the last notification; absent when there was none. */
      lastNotifiedSeverity?: 'info' | 'low' | 'medium' | 'high' | 'critical' | undefined;
      /** The mute that matches it, or matched it until now. */
      mute?: {
        /** Why the finding is accepted. */
        reason: string;
        /** The person or team that is responsible for the mute. */
        owner: string;
        /** When the mute ends. ISO 8601, UTC. */
        expires: string;
      } | undefined;
    } | undefined;
  }> | undefined;
  /** Findings resolved since the last run. Only where state is kept. */
  resolved?: Array<{
    /** Identifies the finding: the same from run to run until it is fixed. */
    fingerprint: string;
    check: string;
    severity: 'info' | 'low' | 'medium' | 'high' | 'critical';
    target: string;
    title: string;
    role?: string | undefined;
    database?: string | undefined;
    application?: string | undefined;
    /** Client addresses, or networks when there are many. */
    clients?: string[] | undefined;
    /** How many sessions show it. */
    count?: number | undefined;
    evidence: Record<string, string | number | boolean | string[]>;
    remedy: string;
    /**
     * gone: the run looked for it and did not find it; not-applicable: its check no longer applies; check-removed,
     * target-removed: the check or target no longer exists, which does not prove that the finding is fixed.
     */
    resolution: 'gone' | 'not-applicable' | 'check-removed' | 'target-removed';
    detail?: string | undefined;
    /** When the finding was seen for the first time. ISO 8601, UTC. */
    firstSeen?: string | undefined;
    /**
     * When the present episode began: later than firstSeen where the finding was resolved in between. ISO 8601, UTC.
     */
    openedAt?: string | undefined;
    /** When the finding was seen for the last time. ISO 8601, UTC. */
    lastSeen?: string | undefined;
    /** The severity in the last notification; absent when there was none. */
    lastNotifiedSeverity?: 'info' | 'low' | 'medium' | 'high' | 'critical' | undefined;
  }> | undefined;
  /** The mutes of the configuration, where it has some. */
  mutes?: Array<{
    /** Every given pattern must match; * stands for any characters. */
    match: {
      fingerprint?: string | undefined;
      check?: string | undefined;
      target?: string | undefined;
      role?: string | undefined;
      database?: string | undefined;
      application?: string | undefined;
      client?: string | undefined;
    };
    /** Why the finding is accepted. */
    reason: string;
    /** The person or team that is responsible for the mute. */
    owner: string;
    /** When the mute ends. ISO 8601, UTC. */
    expires: string;
    expired: boolean;
    /** How many findings of this run it matched. */
    matched: number;
    /** Since when it has matched nothing, where that is 30 days or more. */
    unusedSince?: string | undefined;
  }> | undefined;
  /** Targets left out of a message that could not hold them; the healthiest. */
  omittedTargets?: number | undefined;
  /**
   * Findings left out of a message that could not hold them; first those that are not sent by this run, then the last
   * ones.
   */
  omittedFindings?: number | undefined;
  /** Findings of carriedOver left out of a message that could not hold them; the last ones. */
  omittedCarriedOver?: number | undefined;
  /** Findings of resolved left out of a message that could not hold them; the last ones. */
  omittedResolved?: number | undefined;
  /** Mutes left out of a message that could not hold them; the last ones. */
  omittedMutes?: number | undefined;
}
