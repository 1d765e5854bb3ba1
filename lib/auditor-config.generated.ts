// The type of the configuration as people write it. Made by npm run generate.

/** The content of `auditor.config.json`. What is not given has its default. */
export interface AuditorConfig {
  $schema?: string | undefined;
  /**
   * EventBridge Scheduler expression. Used by the deployment.
   * @default rate(15 minutes)
   */
  schedule?: string | undefined;
  /**
   * Time zone of a cron() schedule. Used by the deployment.
   * @default UTC
   */
  timezone?: string | undefined;
  alerts?: {
    /** Email addresses to notify. Used by the deployment; each recipient confirms once. */
    email?: string[] | undefined;
    /**
     * Used by the deployment. Authorise the workspace once in Amazon Q Developer in chat applications before deploying.
     */
    slack?: Array<{
      workspaceId: string;
      channelId: string;
    }> | undefined;
    /**
     * Findings below this are in the report but send no alert.
     * @default medium
     */
    minSeverity?: 'info' | 'low' | 'medium' | 'high' | 'critical' | undefined;
    /**
     * Hours after which an open finding is notified again; 0: never. Needs state.
     * @default 24
     */
    repeatIntervalHours?: number | undefined;
    /**
     * Hours without an observation after which a session finding is resolved. Needs state.
     * @default 24
     */
    resolveAfterHours?: number | undefined;
    /** More receivers, each with the targets that it is notified of. Used by the deployment. */
    routes?: Array<{
      /** Unique name of the route: the message attribute "route" carries it. */
      name: string;
      /** Names of targets; * stands for any characters. */
      targets?: string[] | undefined;
      /** Labels that a target must have, all of them. */
      labels?: Record<string, string> | undefined;
      /** Least severity of the findings that this route notifies of. The default is alerts.minSeverity. */
      minSeverity?: 'info' | 'low' | 'medium' | 'high' | 'critical' | undefined;
      /** Each recipient confirms once. */
      email?: string[] | undefined;
      slack?: Array<{
        workspaceId: string;
        channelId: string;
      }> | undefined;
      /** Each confirms once, by the URL that SNS sends it. */
      https?: string[] | undefined;
      /** Standard queues. Each one's policy must let sns.amazonaws.com send messages from the routes' topic. */
      sqs?: string[] | undefined;
      /** In the deployment's account and region; elsewhere its owner must let the routes' topic invoke it. */
      lambda?: string[] | undefined;
    }> | undefined;
  } | undefined;
  /** Defaults for targets that do not set these themselves. */
  defaults?: {
    /**
     * CA certificates that the server certificate is verified against: one source, or a list of sources that are all
     * trusted.
     */
    ca?: 'system' | {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    } | Array<'system' | {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    }> | undefined;
    /**
     * Certificate revocation lists, checked as libpq checks sslcrl: each certificate of the chain needs a list of its
     * issuer that has not ended. Without crl no revocation is checked, as in any verify-full without sslcrl.
     */
    crl?: {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    } | Array<{
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    }> | undefined;
    /**
     * "direct" starts TLS without an SSLRequest; PostgreSQL 17 and newer.
     * @default postgres
     */
    sslNegotiation?: 'postgres' | 'direct' | undefined;
    /**
     * Authentication methods that the auditor answers; it refuses any other. The default is all but "password", which
     * sends the password in clear and which LDAP, PAM and RADIUS need. "none": the server asks for no password, as with
     * the methods cert and trust.
     */
    authentication?:
      'scram-sha-256' | 'md5' | 'password' | 'none' | Array<'scram-sha-256' | 'md5' | 'password' | 'none'> | undefined;
    /**
     * Least number of iterations in a SCRAM login (scram_iterations of the server when the password was set). With few
     * iterations, an impostor could guess the password from the answer.
     * @default 4096
     */
    minScramIterations?: number | undefined;
    /**
     * Total timeout per target, in seconds: secrets, connection, retries and queries.
     * @default 20
     */
    timeoutSeconds?: number | undefined;
    /**
     * Test after the audit what the server accepts, on at most eight more connections: a plaintext login, TLSv1 to
     * TLSv1.3, direct TLS, post-quantum key exchange, cipher suites that protect nothing. The probe sends no password.
     * It sends the names of the role and the database once without encryption.
     * @default false
     */
    probe?: boolean | undefined;
    /**
     * Also find logins between the runs, from the connection log. "server": the log files of the server, over the
     * verified connection. {"logGroup": …}: a log group of CloudWatch Logs. "none": open sessions only.
     * @default none
     */
    logs?: 'none' | 'server' | {
      /** Name or ARN of a log group of CloudWatch Logs. */
      logGroup: string;
      /** Only streams whose names begin so. Of a member of Aurora: the name of its instance. */
      logStreamPrefix?: string | undefined;
    } | undefined;
    /**
     * Keep looking at the open sessions for so many seconds of the run, to find short ones where no log can be read. 0:
     * look once.
     * @default 0
     */
    sampleSeconds?: number | undefined;
  } | undefined;
  policy?: {
    /**
     * A session below this is reported as deprecated.
     * @default TLSv1.2
     */
    minTlsVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
    /**
     * A session below this is reported as information.
     * @default TLSv1.3
     */
    preferredTlsVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
    /**
     * Which cipher suites are strong enough: Mozilla Server Side TLS 5.7 (intermediate or modern), or NIST SP 800-52
     * Revision 2, section 3.3.1.1.
     * @default mozilla-intermediate
     */
    cipherProfile?: 'mozilla-intermediate' | 'mozilla-modern' | 'nist-sp-800-52r2' | undefined;
    /**
     * Plaintext sessions over loopback: report as information, ignore, or treat like any network session.
     * @default info
     */
    loopback?: 'info' | 'ignore' | 'network' | undefined;
    /** Days before the end of a certificate at which its finding becomes medium, high, critical. */
    certificateExpiryDays?: {
      /** @default 30 */
      medium?: number | undefined;
      /** @default 14 */
      high?: number | undefined;
      /** @default 7 */
      critical?: number | undefined;
    } | undefined;
    /**
     * Roles whose TLS sessions must show a client certificate (mutual TLS); * stands for any characters, e.g. "app_*".
     * None by default.
     */
    clientCertificateRoles?: string[] | undefined;
  } | undefined;
  /**
   * Targets audited at the same time.
   * @default 32
   */
  concurrency?: number | undefined;
  /** Findings that are not notified of until a date. */
  mutes?: Array<{
    fingerprint?: string | undefined;
    check?: string | undefined;
    target?: string | undefined;
    role?: string | undefined;
    database?: string | undefined;
    application?: string | undefined;
    /** Every client of the finding must lie in it. */
    client?: string | undefined;
    /** Why these findings need no notification. */
    reason: string;
    /** Person or team that is responsible for the mute. */
    owner: string;
    /** Last day (UTC) of the mute, or the time at which it ends. */
    expires: string;
  }> | undefined;
  /** Settings of the deployment. Not used by the command line. */
  deployment?: {
    /** The account that the auditor is deployed to. Required with satellites, which let only this one in. */
    account?: string | undefined;
    /** The region that the auditor is deployed to. Required with satellites. */
    region?: string | undefined;
    /**
     * Run inside a VPC. Isolated subnets need VPC endpoints for Secrets Manager, SNS, DynamoDB, S3, Security Hub,
     * CloudWatch Logs, RDS and STS, as far as they are used.
     */
    vpc?: {
      vpcId: string;
      subnetIds: string[];
      /** The zone of each subnet, in the same order. */
      availabilityZones: string[];
      securityGroupIds?: string[] | undefined;
    } | undefined;
    /** Reserved concurrency of the function. Unset by default: a new account refuses any reservation. */
    reservedConcurrency?: number | undefined;
    /**
     * Memory of the function, in MiB. Lambda assigns processor time in proportion.
     * @default 1024
     */
    memoryMiB?: number | undefined;
    /**
     * Timeout of a run, in minutes. Targets that a run has no time for are reported as not audited.
     * @default 5
     */
    timeoutMinutes?: number | undefined;
    /**
     * Days to keep the log, which holds what each run observed.
     * @default 90
     */
    logRetentionDays?: number | undefined;
    /** Customer-managed KMS keys that encrypt the secrets named in this file. */
    secretKmsKeyArns?: string[] | undefined;
    /**
     * Encryption of the alert topic. "customer-managed" makes a KMS key (about a dollar a month) whose policy lets
     * CloudWatch alarms publish; the AWS-managed key cannot.
     * @default customer-managed
     */
    topicEncryption?: 'customer-managed' | 'none' | undefined;
    /**
     * Where runs store what they have notified of. "none": every run repeats its alert while a problem lasts.
     * @default dynamodb
     */
    state?: 'dynamodb' | 'none' | undefined;
    /**
     * Where to keep every run's full report as evidence, in addition to the log.
     * @default s3
     */
    evidence?: 's3' | 'none' | undefined;
    /**
     * Days that reports are kept in S3 (PCI DSS 10.5.1 asks for twelve months of history).
     * @default 400
     */
    evidenceRetentionDays?: number | undefined;
    /**
     * What messages link to. console: the page of the run in the S3 console, which asks for a login; presigned: a URL
     * that ends within hours, and with which anyone can read the page until then.
     * @default console
     */
    pageLink?: 'console' | 'presigned' | undefined;
    /**
     * Import findings into AWS Security Hub, which must be on in the account and region.
     * @default false
     */
    securityHub?: boolean | undefined;
    /**
     * Make a CloudWatch dashboard of the fleet (three dollars a month beyond the first three of an account).
     * @default true
     */
    dashboard?: boolean | undefined;
    /**
     * Audits in many workers at once, on AWS Step Functions: for more databases than one function can audit in its
     * time. {} for the defaults. Needs evidence in s3.
     */
    fleet?: {
      /**
       * Targets that one worker audits in one invocation, at most.
       * @default 100
       */
      batch?: number | undefined;
      /**
       * Workers that run at the same time, at most.
       * @default 20
       */
      concurrency?: number | undefined;
      /**
       * Timeout of a whole run, in minutes. The last 20, and timeoutMinutes of the deployment before them, are kept for
       * the last workers and the notifications.
       * @default 60
       */
      timeoutMinutes?: number | undefined;
    } | undefined;
    /**
     * Hours without a completed run after which an alarm is raised: more than the longest time between two runs. By
     * default three intervals of a rate() schedule, 25 hours for a cron() one; required for a cron() that skips days.
     */
    completionWindowHours?: number | undefined;
  } | undefined;
  /** Networks that databases are in, by name. More than one needs deployment.fleet. Used by the deployment. */
  networks?: Record<string, {
    /** The VPC of the network. Without it, its worker runs outside of a VPC. */
    vpc?: {
      vpcId: string;
      subnetIds: string[];
      /** The zone of each subnet, in the same order. */
      availabilityZones: string[];
      securityGroupIds?: string[] | undefined;
    } | undefined;
  }> | undefined;
  /**
   * Networks in other accounts and regions, by name, each deployed there with -c satellite=NAME. Needs
   * deployment.fleet.
   */
  satellites?: Record<string, {
    /** The account of the worker. */
    account: string;
    /** The region of the worker. */
    region: string;
    /** The VPC of the worker, in that account. Without it, it runs outside of a VPC. */
    vpc?: {
      vpcId: string;
      subnetIds: string[];
      /** The zone of each subnet, in the same order. */
      availabilityZones: string[];
      securityGroupIds?: string[] | undefined;
    } | undefined;
    /** Customer-managed KMS keys that encrypt the secrets there. */
    secretKmsKeyArns?: string[] | undefined;
  }> | undefined;
  /** The PostgreSQL endpoints to audit. May be left out where discovery finds them. */
  targets?: Array<{
    /** Unique name of the target, shown in alerts. */
    name: string;
    /**
     * A PostgreSQL server, or the admin console of a PgBouncer. Of a PgBouncer, both the client side and the server
     * side are audited; stats_users in pgbouncer.ini must name the user.
     * @default postgresql
     */
    kind?: 'postgresql' | 'pgbouncer' | undefined;
    /** The secret that holds the credentials: RDS JSON, {"url": …}, or a bare connection string. */
    secret?: string | undefined;
    /**
     * Instead of secret. "iam": IAM database authentication of RDS and Aurora, with role and host. On the command line
     * only: an environment variable or a file holding a connection string or JSON.
     */
    credentials?: 'iam' | {
      env: string;
    } | {
      file: string;
    } | undefined;
    /** With credentials "iam": the PostgreSQL role to log in as. */
    role?: string | undefined;
    /** With credentials "iam": the region of the database, where the name of the host does not say it. */
    region?: string | undefined;
    /** Host name or IP address; overrides the host in the credentials. */
    host?: string | undefined;
    /** Port; overrides the port in the credentials. 5432 when neither sets one. */
    port?: number | undefined;
    /** Database; overrides the database in the credentials. The console of a PgBouncer is always "pgbouncer". */
    database?: string | undefined;
    /** Name that the server certificate must have, where it is not host. */
    tlsServerName?: string | undefined;
    /**
     * CA certificates that the server certificate is verified against: one source, or a list of sources that are all
     * trusted.
     */
    ca?: 'system' | {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    } | Array<'system' | {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    }> | undefined;
    /**
     * Certificate revocation lists, checked as libpq checks sslcrl: each certificate of the chain needs a list of its
     * issuer that has not ended. Without crl no revocation is checked, as in any verify-full without sslcrl.
     */
    crl?: {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    } | Array<{
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    }> | undefined;
    /** The auditor's own certificate for mutual TLS. */
    clientCertificate?: {
      /** Name or ARN of a Secrets Manager secret. */
      secret: string;
    } | {
      certificateFile: string;
      keyFile: string;
      /** The passphrase of an encrypted key: a file, or the name of an environment variable. */
      keyPassphrase?: {
        file: string;
      } | {
        env: string;
      } | undefined;
    } | undefined;
    /** "direct" starts TLS without an SSLRequest; PostgreSQL 17 and newer. */
    sslNegotiation?: 'postgres' | 'direct' | undefined;
    /**
     * Authentication methods that the auditor answers; it refuses any other. The default is all but "password", which
     * sends the password in clear and which LDAP, PAM and RADIUS need. "none": the server asks for no password, as with
     * the methods cert and trust.
     */
    authentication?:
      'scram-sha-256' | 'md5' | 'password' | 'none' | Array<'scram-sha-256' | 'md5' | 'password' | 'none'> | undefined;
    /**
     * Least number of iterations in a SCRAM login (scram_iterations of the server when the password was set). With few
     * iterations, an impostor could guess the password from the answer.
     */
    minScramIterations?: number | undefined;
    /** Total timeout per target, in seconds: secrets, connection, retries and queries. */
    timeoutSeconds?: number | undefined;
    /**
     * Test after the audit what the server accepts, on at most eight more connections: a plaintext login, TLSv1 to
     * TLSv1.3, direct TLS, post-quantum key exchange, cipher suites that protect nothing. The probe sends no password.
     * It sends the names of the role and the database once without encryption.
     */
    probe?: boolean | undefined;
    /**
     * Also find logins between the runs, from the connection log. "server": the log files of the server, over the
     * verified connection. {"logGroup": …}: a log group of CloudWatch Logs. "none": open sessions only.
     */
    logs?: 'none' | 'server' | {
      /** Name or ARN of a log group of CloudWatch Logs. */
      logGroup: string;
      /** Only streams whose names begin so. Of a member of Aurora: the name of its instance. */
      logStreamPrefix?: string | undefined;
    } | undefined;
    /**
     * Keep looking at the open sessions for so many seconds of the run, to find short ones where no log can be read. 0:
     * look once.
     */
    sampleSeconds?: number | undefined;
    /** The network or satellite whose worker audits it. Used by the deployment. */
    network?: string | undefined;
    /** Free labels, e.g. the owning team. */
    labels?: Record<string, string> | undefined;
  }> | undefined;
  /** Where each run finds more targets. Of two with one name, that of targets is audited. */
  discovery?: Array<{
    /** A JSON file with a list of targets, as in targets. Relative to this file. A deployment packs it in. */
    file?: string | undefined;
    /** Databases of RDS and Aurora for PostgreSQL. */
    rds?: {
      /** Regions in which databases are found. */
      regions: string[];
      /** Roles to assume, one for each account. The default is the own account of the auditor alone. */
      accounts?: Array<{
        roleArn: string;
        externalId?: string | undefined;
      }> | undefined;
      /** Tags that an instance or its cluster must have, all of them; "all" takes every PostgreSQL there is. */
      tags?: 'all' | Record<string, string> | undefined;
      /** Identifiers of instances or clusters, or both as cluster/member; * stands for any characters. */
      include?: string[] | undefined;
      /** The same, of databases that are left out. */
      exclude?: string[] | undefined;
    } | undefined;
    /**
     * How to log in to what rds finds. "iam": IAM database authentication, with role. {"secret": …}: a name with
     * placeholders such as audit/${name}. {"secretTag": …}: the key of the tag that names the secret.
     */
    credentials?: 'iam' | {
      secret: string;
    } | {
      secretTag: string;
    } | undefined;
    /** With credentials "iam": the PostgreSQL role to log in as. */
    role?: string | undefined;
    /** With credentials "iam": further roles that the tag pg-tls-auditor:role of a database may name. */
    tagRoles?: string[] | undefined;
    /**
     * Whether the tag pg-tls-auditor:secret of a database may name its secret. A deployed function may read those whose
     * own tag pg-tls-auditor is "on". Always so with {"secretTag": …}.
     */
    tagSecrets?: boolean | undefined;
    /** CA certificates, as in targets. The name of a secret may hold ${region} and ${account}. */
    ca?: 'system' | {
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    } | Array<'system' | {
      secret: string;
      /** Field of a JSON secret that holds the PEM text. */
      key?: string | undefined;
    } | {
      file: string;
    }> | undefined;
    /** The database to log in to. The default is postgres. */
    database?: string | undefined;
    /**
     * Labels with placeholders: ${name}, ${instance}, ${cluster}, ${region}, ${account}, ${tag:KEY}. A label whose
     * placeholder has no value is left out.
     */
    labels?: Record<string, string> | undefined;
    /**
     * As in targets. "auto": the log group of CloudWatch Logs to which the database exports its PostgreSQL log, if it
     * does.
     */
    logs?: 'auto' | 'none' | 'server' | {
      /** Name or ARN of a log group of CloudWatch Logs. */
      logGroup: string;
      /** Only streams whose names begin so. Of a member of Aurora: the name of its instance. */
      logStreamPrefix?: string | undefined;
    } | undefined;
    /** The network or satellite whose worker audits what rds finds. It may hold placeholders, e.g. ${tag:network}. */
    network?: string | undefined;
    /**
     * Test after the audit what the server accepts, on at most eight more connections: a plaintext login, TLSv1 to
     * TLSv1.3, direct TLS, post-quantum key exchange, cipher suites that protect nothing. The probe sends no password.
     * It sends the names of the role and the database once without encryption.
     */
    probe?: boolean | undefined;
    /**
     * Keep looking at the open sessions for so many seconds of the run, to find short ones where no log can be read. 0:
     * look once.
     */
    sampleSeconds?: number | undefined;
    /** Total timeout per target, in seconds: secrets, connection, retries and queries. */
    timeoutSeconds?: number | undefined;
  }> | undefined;
}
